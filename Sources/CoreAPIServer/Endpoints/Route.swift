internal import CoreAPIHTTP
internal import CoreAPIKit

/// From a request's target and method to what is to be done.
enum Route {
    case transaction
    case health(HealthEndpoint.Probe)
    /// The description of this interface, docs/openapi.json.
    case description
    case metrics
    /// What the methods of the resource are, or those of the server (`OPTIONS *`).
    case options(allow: StaticString)
    case notFound(Site)
    case methodNotAllowed(allow: StaticString)

    private static var transactionMethods: StaticString { "POST, OPTIONS" }
    private static var readingMethods: StaticString { "GET, HEAD, OPTIONS" }

    /// - Parameter site: what the listener has that the request came to.
    init(_ head: RequestHead, _ bytes: Span<UInt8>, on site: Site) {
        let resource = Resource(head, bytes)
        guard site.has(resource) else {
            self = .notFound(site)
            return
        }
        self =
            switch resource {
            case .transaction:
                switch head.method {
                case .post: .transaction
                case .options: .options(allow: Route.transactionMethods)
                default: .methodNotAllowed(allow: Route.transactionMethods)
                }
            case .health: Route.reading(.health(.health), head.method)
            case .live: Route.reading(.health(.live), head.method)
            case .ready: Route.reading(.health(.ready), head.method)
            case .description: Route.reading(.description, head.method)
            case .metrics: Route.reading(.metrics, head.method)
            case .server:
                head.method == .options
                    ? .options(allow: site.methods) : .methodNotAllowed(allow: site.methods)
            case .other, .unread: .notFound(site)
            }
    }

    /// The route of what can only be read.
    private static func reading(_ route: Route, _ method: HTTPMethod) -> Route {
        switch method {
        case .get, .head: route
        case .options: .options(allow: readingMethods)
        default: .methodNotAllowed(allow: readingMethods)
        }
    }

    /// The answer where nothing else is to be done; nil for the routes of an endpoint.
    var response: Response? {
        switch self {
        case .transaction, .health, .metrics: return nil
        case .description:
            return Response(status: .ok, contentType: .json, body: PackageResources.openapi_json)
        case .options(let allow): return Response(status: .noContent, allow: allow)
        case .notFound(let site):
            return Problem(code: .notFound, detail: site.description).response
        case .methodNotAllowed(let allow):
            var response = Problem(
                code: .methodNotAllowed, detail: "the methods here are \(allow)"
            ).response
            response.allow = allow
            return response
        }
    }
}
