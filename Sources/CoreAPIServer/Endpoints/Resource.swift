internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// What a request is about, as metrics and logs name it: never in a caller's own words.
enum Resource: Int, CaseIterable {
    case transaction
    case health
    case live
    case ready
    case description
    case metrics
    /// `*`, or what CONNECT names: the server as a whole.
    case server
    /// None that there is.
    case other
    /// The request could not be read.
    case unread

    var name: String {
        switch self {
        case .transaction: "/transaction"
        case .health: "/health"
        case .live: "/health/live"
        case .ready: "/health/ready"
        case .description: "/openapi.json"
        case .metrics: "/metrics"
        case .server: "*"
        case .other: "other"
        case .unread: "-"
        }
    }

    /// The resource whose `name` the path is.
    ///
    /// - Parameter head: nil if the request has none that could be read.
    init(_ head: RequestHead?, _ bytes: Span<UInt8>) {
        guard let head else {
            self = .unread
            return
        }
        guard case .path(let path) = head.target else {
            self = .server
            return
        }
        let name = ShortText(path, of: bytes)
        self =
            Resource.paths.first { $0.name == name }?.resource
            ?? Resource.normalized(path, bytes) ?? .other
    }

    /// The resource of a path in which unreserved characters are percent-encoded, which is the same
    /// path (RFC 3986 §6.2.2.2). Whatever else is encoded stays so: `%2F` is no slash.
    private static func normalized(_ path: Range<Int>, _ bytes: Span<UInt8>) -> Resource? {
        guard path.count <= encodedBytesMax,
            ASCII.find(UInt8(ascii: "%"), path, of: bytes) != nil
        else { return nil }
        var decoded: [UInt8] = []
        var index = path.lowerBound
        while index < path.upperBound {
            decoded.append(bytes[index])
            index += 1
            guard decoded.last == UInt8(ascii: "%"), index + 1 < path.upperBound,
                let high = ASCII.hexadecimalValue(bytes[index]),
                let low = ASCII.hexadecimalValue(bytes[index + 1]),
                Grammar.isUnreserved(high << 4 | low)
            else { continue }
            decoded[decoded.count - 1] = high << 4 | low
            index += 2
        }
        let name = ShortText(0..<decoded.count, of: decoded.span)
        return paths.first { $0.name == name }?.resource
    }

    /// The longest that a resource's path can be, all of it percent-encoded.
    private static let encodedBytesMax =
        3 * (allCases.map { $0.name.utf8.count }.max() ?? 0)

    /// All but what could not be read, which comes last.
    static let readable = allCases.dropLast()

    private static let paths = allCases.filter { $0.name.hasPrefix("/") }.map {
        (name: ShortText($0.name), resource: $0)
    }
}
