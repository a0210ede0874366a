internal import CoreAPIHTTP

/// The table of all endpoints. A path is the name of its resource in metrics and logs.
enum Routes {
    static let table = RouteTable([
        Route(
            .post, "/transaction",
            Endpoint(
                sites: .callers, headCheck: TransactionEndpoint.refusal
            ) { $0.transact($1, $2, $3) }),
        Route(
            .get, "/transaction/{id}",
            Endpoint(sites: .callers) { exchange, head, input, _ in
                exchange.tellStatus(head, input)
            }),
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
        Route(.get, "/console", console),
        Route(.get, "/console/", console),
        Route(.get, "/console/{part}", console),
        Route(.post, "/console/{part}", console),
    ])

    /// The endpoint answers other methods too, since all of its answers have the same fields.
    private static let console = Endpoint(sites: .console) { exchange, head, input, body in
        exchange.console(head, input, body)
    }

    private static func health(_ probe: HealthEndpoint.Probe) -> Endpoint {
        Endpoint(sites: [.callers, .operators]) { exchange, head, input, _ in
            exchange.probe(probe, head, input)
        }
    }
}

/// The resource names in metrics and logs, which never contain bytes of a caller. A name's index is
/// the resource's index in `Routes.table`, or the index of one of three special names.
enum ResourceName {
    /// The paths of the table, then the special names.
    static let all = Routes.table.resources.map(\.path) + ["*", "other", "-"]

    /// The server as a whole: `*`, or the target of CONNECT.
    static let server = all.count - 3
    /// A path that the table lacks.
    static let other = all.count - 2
    /// Bytes that are no request.
    static let unread = all.count - 1
    static let transaction = all.firstIndex(of: "/transaction") ?? other
}
