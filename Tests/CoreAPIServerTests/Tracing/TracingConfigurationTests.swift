import Testing

@testable import CoreAPIHTTP
@testable import CoreAPIServer

@Suite struct TracingConfigurationTests {
    private static let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/base/"]

    private static func read(_ environment: [String: String]) throws -> TracingConfiguration? {
        try TracingConfiguration.read(EnvironmentReader { environment[$0].map { Array($0.utf8) } })
    }

    private static func read(adding more: [String: String]) throws -> TracingConfiguration? {
        try read(endpoint.merging(more) { $1 })
    }

    @Test func `a base gets the path of traces, and a URL for traces alone wins as it is`() throws {
        #expect(try Self.read([:]) == nil)
        #expect(try Self.read(adding: [:])?.url.target == "/base/v1/traces")
        let own = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://other/x?y=z"]
        #expect(try Self.read(adding: own)?.url.target == "/x?y=z")
    }

    @Test(arguments: [
        ("OTEL_SDK_DISABLED", "true"), ("OTEL_SDK_DISABLED", "TRUE"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ])
    func `OpenTelemetry's switches end the export`(name: String, value: String) throws {
        #expect(try Self.read(adding: [name: value]) == nil)
    }

    @Test(arguments: [
        ("OTEL_SDK_DISABLED", "false"), ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_PROPAGATORS", "baggage, tracecontext"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
    ])
    func `what the server does anyway is accepted`(name: String, value: String) throws {
        #expect(try Self.read(adding: [name: value]) != nil)
    }

    @Test func `a setting for traces alone wins`() throws {
        let tracing = try #require(
            try Self.read(adding: [
                "OTEL_EXPORTER_OTLP_TIMEOUT": "2000", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "3000",
                "OTEL_EXPORTER_OTLP_HEADERS": "a=b", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "c=d",
                // Also over a value that the server could not use.
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
            ]))
        #expect(tracing.timeoutMilliseconds == 3_000)
        #expect(tracing.headers.map(\.name) == ["c"])
    }

    @Test func `an attribute that is given twice is exported once`() throws {
        let tracing = try #require(
            try Self.read(adding: [
                "OTEL_RESOURCE_ATTRIBUTES": "k=v,service.name=a,k=w,service.name=b",
                "OTEL_SERVICE_NAME": "front",
            ]))
        let names = tracing.resource.map(\.name)
        #expect(names.sorted() == ["k", "service.name", "service.version"])
        #expect(tracing.resource.first { $0.name == "k" }?.value == "w")
        #expect(tracing.resource.first { $0.name == "service.name" }?.value == "front")
    }

    @Test(arguments: [
        ("OTEL_SDK_DISABLED", "yes", "true or false"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp, none"),
        ("OTEL_PROPAGATORS", "b3", "tracecontext"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "bogus", "100 to 60000"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "none"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/x", "https://"),
        ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/x", "https://"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/x", "https://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a/?b=c", "without a query"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318", "http:// or https://"),
    ])
    func `what would have no effect is refused`(
        name: String, value: String, expectation: String
    ) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try Self.read(adding: [name: value])
        }
        #expect(error?.variable == name)
        #expect(error?.expectation.contains(expectation) == true, "\(error as Any)")
    }

    @Test func `files of TLS are read at the start, and named when they cannot be`() throws {
        let https = ["OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector"]
        for name in ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"] {
            let variable = "OTEL_EXPORTER_OTLP_\(name)"
            let error = #expect(throws: ConfigurationError.self) {
                try Self.read(https.merging([variable: "/none"]) { $1 })
            }
            #expect(error?.variable.contains("OTEL_EXPORTER_OTLP_C") == true)
        }
    }
}
