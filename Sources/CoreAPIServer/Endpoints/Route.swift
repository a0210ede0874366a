internal import CoreAPIKit

/// From a request's target and method to what is to be done.
enum Route: Equatable {
    case transaction
    case health(HealthEndpoint.Probe)
    /// What the methods of the resource are; `nil`: those of the server (`OPTIONS *`).
    case options(allow: String)
    case notFound
    case methodNotAllowed(allow: String)

    private static let transactionMethods = "POST, OPTIONS"
    private static let healthMethods = "GET, HEAD, OPTIONS"

    init(_ head: RequestHead, _ bytes: Span<UInt8>) {
        guard case .path(let path) = head.target else {
            self = .options(allow: "GET, HEAD, POST, OPTIONS")
            return
        }
        if ASCII.equal("/transaction", path, of: bytes) {
            self =
                switch head.method {
                case .post: .transaction
                case .options: .options(allow: Route.transactionMethods)
                default: .methodNotAllowed(allow: Route.transactionMethods)
                }
        } else if let probe = Route.probe(path, bytes) {
            self =
                switch head.method {
                case .get, .head: .health(probe)
                case .options: .options(allow: Route.healthMethods)
                default: .methodNotAllowed(allow: Route.healthMethods)
                }
        } else {
            self = .notFound
        }
    }

    private static func probe(_ path: Range<Int>, _ bytes: Span<UInt8>) -> HealthEndpoint.Probe? {
        if ASCII.equal("/health", path, of: bytes) { return .health }
        if ASCII.equal("/health/live", path, of: bytes) { return .live }
        if ASCII.equal("/health/ready", path, of: bytes) { return .ready }
        return nil
    }

    /// The answer where nothing else is to be done; nil for the routes of an endpoint.
    var response: Response? {
        switch self {
        case .transaction, .health: return nil
        case .options(let allow): return Response(status: .noContent, allow: allow)
        case .notFound:
            return Problem(
                code: .notFound,
                detail: "there are /transaction, /health, /health/live and /health/ready"
            ).response
        case .methodNotAllowed(let allow):
            var response = Problem(
                code: .methodNotAllowed, detail: "the methods here are \(allow)"
            ).response
            response.allow = allow
            return response
        }
    }
}
