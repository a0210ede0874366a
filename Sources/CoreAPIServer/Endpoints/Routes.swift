internal import CoreAPIHTTP

/// Every endpoint of the server: one entry each. A path is the endpoint's name in metrics and logs.
enum Routes {
    static let table = RouteTable([
        Route(
            .post, "/transaction",
            Endpoint(
                sites: .callers, access: .token, headCheck: TransactionEndpoint.refusal
            ) { $0.transact($1, $2, $3) }),
        Route(.get, "/health", health(.health)),
        Route(.get, "/health/live", health(.live)),
        Route(.get, "/health/ready", health(.ready)),
        // docs/openapi.json.
        Route(
            .get, "/openapi.json",
            Endpoint(sites: .callers) { _, _, _, _ in
                Response(
                    status: .ok, contentType: MediaType.json, body: PackageResources.openapi_json)
            }),
        Route(
            .get, "/metrics",
            Endpoint(sites: .operators) { exchange, head, input, _ in
                exchange.scrape(head, input)
            }),
    ])

    private static func health(_ probe: HealthEndpoint.Probe) -> Endpoint {
        Endpoint(sites: [.callers, .operators]) { exchange, head, input, _ in
            exchange.probe(probe, head, input)
        }
    }
}

/// A resource as metrics and logs name it, never in a caller's own words: a number of `Routes`, or
/// one of three that are none.
enum ResourceName {
    /// The paths of the table, then the names of the three.
    static let all = Routes.table.resources.map(\.path) + ["*", "other", "-"]

    /// `*`, or what CONNECT names: the server as a whole.
    static let server = all.count - 3
    /// No resource that there is.
    static let other = all.count - 2
    /// The request could not be read.
    static let unread = all.count - 1
    static let transaction = all.firstIndex(of: "/transaction") ?? other
}
