internal import CoreAPIKit

/// From a request's target and method to what is to be done.
enum Route: Equatable {
    case transaction
    case health(HealthEndpoint.Probe)
    /// The description of this interface, docs/openapi.json.
    case description
    /// What the methods of the resource are; `nil`: those of the server (`OPTIONS *`).
    case options(allow: String)
    case notFound
    case methodNotAllowed(allow: String)

    private static let transactionMethods = "POST, OPTIONS"
    private static let readingMethods = "GET, HEAD, OPTIONS"

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
                case .options: .options(allow: Route.readingMethods)
                default: .methodNotAllowed(allow: Route.readingMethods)
                }
        } else if ASCII.equal("/openapi.json", path, of: bytes) {
            self =
                switch head.method {
                case .get, .head: .description
                case .options: .options(allow: Route.readingMethods)
                default: .methodNotAllowed(allow: Route.readingMethods)
                }
        } else {
            self = .notFound
        }
    }

    /// What the request is about, as logs name it: never a caller's own words.
    static func name(_ head: RequestHead, _ bytes: Span<UInt8>) -> String {
        guard case .path(let path) = head.target else { return "*" }
        let names = [
            "/transaction", "/health", "/health/live", "/health/ready", "/openapi.json",
        ]
        return names.first { ASCII.equal($0, path, of: bytes) } ?? "other"
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
        case .description:
            return Response(status: .ok, contentType: .json, body: PackageResources.openapi_json)
        case .options(let allow): return Response(status: .noContent, allow: allow)
        case .notFound:
            return Problem(
                code: .notFound,
                detail: "there are /transaction, /health, /health/live, /health/ready "
                    + "and /openapi.json"
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
