import Foundation
import Testing

/// The spans that the server exports, decoded by OpenTelemetry's own definition of the protocol.
@Suite(.timeLimit(.minutes(10))) struct SpanExportTests {
    private static let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let caller = "00f067aa0ba902b7"

    /// The fields of a request in a caller's trace.
    private static func fields(sampled: Bool = true, state: String? = nil) -> String {
        "traceparent: 00-\(traceID)-\(caller)-0\(sampled ? 1 : 0)\r\n"
            + (state.map { "tracestate: \($0)\r\n" } ?? "")
    }

    @Test
    func `the job carries the producer's span, whose parents are the server's and the caller's`()
        async throws
    {
        try await RedisServer.with { redis in
            try await SpanCollector.with { collector in
                var environment = collector.environment
                environment["REDIS_URL"] = redis.url
                environment["QUEUE"] = "stream:transactions"
                environment["OTEL_SERVICE_NAME"] = "front door"
                environment["OTEL_RESOURCE_ATTRIBUTES"] =
                    "deployment.environment.name=test%20bed,service.name=other"
                environment["OTEL_EXPORTER_OTLP_HEADERS"] = "Authorization=Bearer%20secret"
                try await APIServer.with(environment) { server in
                    let answer = try server.post(
                        APIServer.body(), fields: SpanExportTests.fields(state: "a=1,b=2"))
                    #expect(answer.status == 200)
                    let spans = try await collector.spans(2)
                    let export = try #require(collector.exports.first)
                    #expect(export.path == "/v1/traces")
                    #expect(export.authorization == "Bearer secret")
                    #expect(export.content_type == "application/json")

                    let (request, publish) = (spans[0], spans[1])
                    #expect(request.name == "POST /transaction")
                    #expect(request.kind == 2)
                    #expect(request.trace == SpanExportTests.traceID)
                    #expect(request.parent == SpanExportTests.caller)
                    #expect(request.state == "a=1,b=2")
                    #expect(request.flags == 0x301)
                    #expect(!request.error)
                    #expect(request.attributes["http.response.status_code"] == "200")
                    #expect(request.attributes["http.route"] == "/transaction")
                    #expect(request.resource["service.name"] == "front door")
                    #expect(request.resource["deployment.environment.name"] == "test bed")

                    #expect(publish.name == "publish transactions")
                    #expect(publish.kind == 4)
                    #expect(publish.trace == SpanExportTests.traceID)
                    #expect(publish.parent == request.id)
                    #expect(publish.flags == 0x101)
                    #expect(publish.attributes["messaging.system"] == "redis")
                    #expect(publish.attributes["messaging.destination.name"] == "transactions")
                    #expect(
                        publish.attributes["messaging.message.id"]
                            == answer.fields["transaction-id"])
                    let entry = try await redis.texts("XRANGE", "transactions", "-", "+")
                    #expect(entry.contains("00-\(publish.trace)-\(publish.id)-01"))
                    #expect(entry.contains("a=1,b=2"))
                    #expect(!server.program.errors.contains("Bearer"))
                }
            }
        }
    }

    @Test func `a request without a trace begins one, and its refusal is in the span`()
        async throws
    {
        try await SpanCollector.with { collector in
            var environment = collector.environment
            environment["QUEUE"] = "memory"
            try await APIServer.with(environment) { server in
                #expect(
                    try server.post(APIServer.body(), fields: "tracestate: a=1\r\n").status == 200)
                #expect(try server.post(APIServer.body(amount: -1)).status == 422)
                #expect(try server.get("/health").status == 200)
                let spans = try await collector.spans(3)
                #expect(
                    spans.map(\.name) == [
                        "POST /transaction", "publish memory", "POST /transaction",
                    ])
                #expect(spans.map(\.parent) == ["", spans[0].id, ""])
                #expect(Set(spans.map(\.trace)).count == 2)
                #expect(spans.allSatisfy { $0.state == "" && !$0.error })
                #expect(spans[2].attributes["http.response.status_code"] == "422")
                #expect(spans[2].attributes["core_api.code"] == "invalid_transaction")
                #expect(spans[0].resource["service.name"] == "core-api")
            }
        }
    }

    @Test func `a caller's decision is followed, and other samplers are OpenTelemetry's`()
        async throws
    {
        for (sampler, argument, isSampled, expected) in [
            ("", "", false, 0), ("", "", true, 2), ("always_on", "", false, 2),
            ("always_off", "", true, 0), ("traceidratio", "0", true, 0),
            ("parentbased_traceidratio", "0", true, 2),
        ] {
            try await RedisServer.with { redis in
                try await SpanCollector.with { collector in
                    var environment = collector.environment
                    environment["REDIS_URL"] = redis.url
                    environment["QUEUE"] = "stream:s"
                    environment["OTEL_TRACES_SAMPLER"] = sampler
                    environment["OTEL_TRACES_SAMPLER_ARG"] = argument
                    try await APIServer.with(environment) { server in
                        let fields = SpanExportTests.fields(sampled: isSampled)
                        #expect(try server.post(APIServer.body(), fields: fields).status == 200)
                        server.program.signal(SIGTERM)
                        #expect(try await server.program.status() == 0)
                        // The end waits for the export.
                        #expect(collector.spans.count == expected, "\(sampler)")
                        let entry = try await redis.texts("XRANGE", "s", "-", "+")
                        let flags = expected == 2 ? "01" : "00"
                        let parent = entry.first { $0.hasPrefix("00-") }
                        #expect(parent?.hasSuffix("-\(flags)") == true)
                        #expect(parent?.contains(SpanExportTests.caller) == false)
                    }
                }
            }
        }
    }

    @Test
    func `an answer that may pass is tried again, another drops the spans, and all is counted`()
        async throws
    {
        try await SpanCollector.with(["503", "nonsense", "200", "400", "partial"]) { collector in
            var environment = collector.environment
            environment["QUEUE"] = "memory"
            environment["METRICS_PORT"] = "0"
            try await APIServer.with(environment) { server in
                let port = try await server.metricsPort()
                func count(_ series: String) throws -> Double {
                    try Scrape(RawClient(port: port))[series] ?? -1
                }
                #expect(try server.post(APIServer.body()).status == 200)
                _ = try await collector.spans(2)
                #expect(
                    collector.exports.map(\.status) == [
                        .number(503), .word("nonsense"), .number(200),
                    ])
                #expect(try server.post(APIServer.body()).status == 200)
                try await eventually("the refusal") { collector.exports.count == 4 }
                #expect(try server.post(APIServer.body()).status == 200)
                try await eventually("a part is rejected") {
                    try count("core_api_trace_spans_dropped_total{reason=\"rejected\"}") == 3
                }
                #expect(try count("core_api_trace_spans_exported_total") == 3)
                #expect(try count("core_api_trace_spans_dropped_total{reason=\"full\"}") == 0)
                #expect(server.program.errors.contains("spans not exported"))
            }
        }
    }

    @Test func `a date in Retry-After is waited for`() async throws {
        try await SpanCollector.with(["date"]) { collector in
            var environment = collector.environment
            environment["QUEUE"] = "memory"
            try await APIServer.with(environment) { server in
                #expect(try server.post(APIServer.body()).status == 200)
                _ = try await collector.spans(2)
                let times = collector.exports.compactMap(\.seconds)
                // Without the date, the second attempt follows after 1 s at most.
                #expect(times.count == 2 && times[1] - times[0] >= 3, "\(times)")
            }
        }
    }

    @Test func `spans beyond the buffer are dropped and counted while the collector hangs`()
        async throws
    {
        try await SpanCollector.with(["hang"]) { collector in
            var environment = collector.environment
            environment["QUEUE"] = "memory"
            environment["METRICS_PORT"] = "0"
            try await APIServer.with(environment) { server in
                let client = try RawClient(port: server.port)
                let request = APIServer.post(APIServer.body())
                // More than may wait: 2,048 requests, and a batch of 256.
                for _ in 0..<2_500 {
                    try client.send(request)
                    #expect(try client.readAnswer().status == 200)
                }
                let scrape = try Scrape(RawClient(port: try await server.metricsPort()))
                let full = scrape["core_api_trace_spans_dropped_total{reason=\"full\"}"] ?? 0
                #expect(full >= Double(2 * (2_500 - 2_048 - 256)), "two spans a request")
                #expect(collector.exports.map(\.status) == [.word("hang")])
                server.program.signal(SIGTERM)
                #expect(try await server.program.status() == 0)
                #expect(server.program.errors.contains("spans not exported: the server ends"))
            }
        }
    }

    @Test func `a collector that is away costs callers nothing`() async throws {
        let environment = [
            "QUEUE": "memory", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1/",
        ]
        try await APIServer.with(environment) { server in
            #expect(try server.post(APIServer.body()).status == 200)
            try await eventually("it is logged") {
                server.program.errors.contains("spans not exported")
            }
            #expect(try server.post(APIServer.body()).status == 200)
        }
    }

    @Test func `latencies have exemplars of sampled traces, in OpenMetrics alone`() async throws {
        try await SpanCollector.with { collector in
            var environment = collector.environment
            environment["QUEUE"] = "memory"
            environment["METRICS_PORT"] = "0"
            try await APIServer.with(environment) { server in
                let fields = SpanExportTests.fields()
                #expect(try server.post(APIServer.body(), fields: fields).status == 200)
                let port = try await server.metricsPort()
                let exemplars = try await Scrape.openMetrics(
                    port: port, printing: SpanExportTests.exemplars)
                #expect(
                    exemplars
                        == "core_api_http_request_duration_seconds_bucket "
                        + SpanExportTests.traceID)
                try await Scrape.expectLintFree(port: port)
            }
        }
    }

    /// The sample and the trace of each exemplar, in Python.
    private static let exemplars = """
        [
            sample.name + " " + sample.exemplar.labels["trace_id"]
            for family in families for sample in family.samples if sample.exemplar
        ]
        """

    @Test(arguments: [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://localhost"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_HEADERS", "a"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Host=a"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=%0d%0ab"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"), ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz"),
        ("OTEL_TRACES_SAMPLER", "sometimes"), ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan"),
    ])
    func `a wrong variable is named at the start`(name: String, value: String) async throws {
        let environment = [
            "JWT_SECRET": APIServer.secret, "QUEUE": "memory", "HTTP_PORT": "0", name: value,
        ]
        let ended = try await Program.run(
            Program.built("core-api"), environment: environment, withinSeconds: 60)
        #expect(ended.status == 78)
        #expect(ended.errors.contains(name))
    }
}
