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
    /// `*`: the server as a whole.
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
        self = Resource.paths.first { $0.name == name }?.resource ?? .other
    }

    /// All but what could not be read, which comes last.
    static let readable = allCases.dropLast()

    private static let paths = allCases.filter { $0.name.hasPrefix("/") }.map {
        (name: ShortText($0.name), resource: $0)
    }
}
