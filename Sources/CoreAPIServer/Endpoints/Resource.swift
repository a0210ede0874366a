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
        self =
            switch ShortText(path, of: bytes) {
            case "/transaction"?: .transaction
            case "/health"?: .health
            case "/health/live"?: .live
            case "/health/ready"?: .ready
            case "/openapi.json"?: .description
            case "/metrics"?: .metrics
            default: .other
            }
    }

    /// All but what could not be read, which comes last.
    static let readable = allCases.dropLast()
}
