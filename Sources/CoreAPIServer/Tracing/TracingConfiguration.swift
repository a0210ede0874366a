internal import CoreAPIBase
internal import CoreAPIHTTP

/// The export of spans, by OpenTelemetry's environment variables; nothing is traced without an
/// endpoint.
struct TracingConfiguration {
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, or `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces`.
    let url: HTTPURL
    /// For an https URL.
    let tls: TLSContext?
    /// The fields of each request; they may hold secrets.
    let headers: [(name: String, value: String)]
    /// The attributes of this service.
    let resource: [(name: String, value: String)]
    let sampler: TraceSampler
    /// The limit of one attempt.
    let timeoutMilliseconds: Int

    private enum Variable {
        static let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
        static let tracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        static let headers = "OTEL_EXPORTER_OTLP_HEADERS"
        static let tracesHeaders = "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
        static let timeout = "OTEL_EXPORTER_OTLP_TIMEOUT"
        static let certificate = "OTEL_EXPORTER_OTLP_CERTIFICATE"
        static let protocolName = "OTEL_EXPORTER_OTLP_PROTOCOL"
        static let serviceName = "OTEL_SERVICE_NAME"
        static let resource = "OTEL_RESOURCE_ATTRIBUTES"
        static let sampler = "OTEL_TRACES_SAMPLER"
        static let samplerArgument = "OTEL_TRACES_SAMPLER_ARG"
    }

    /// Nil without an endpoint; then the other variables are not used, but checked.
    static func read(
        _ values: EnvironmentReader
    ) throws(ConfigurationError) -> TracingConfiguration? {
        let url = try url(values)
        let own = try pairs(values, Variable.tracesHeaders, areSecret: true)
        let common = try pairs(values, Variable.headers, areSecret: true)
        let headers = own ?? common ?? []
        try check(headers, own == nil ? Variable.headers : Variable.tracesHeaders)
        let protocols = [("http/json", ())]
        _ = try values.choice(Variable.protocolName, protocols)
        let ratio = try ratio(values)
        let sampler =
            try values.choice(Variable.sampler, TraceSampler.named(ratio: ratio)) ?? TraceSampler()
        let timeout = try values.integer(Variable.timeout, in: 100...60_000) ?? 10_000
        let resource = try resource(values)
        let certificate = try values.text(Variable.certificate)
        guard let url else { return nil }
        return TracingConfiguration(
            url: url, tls: try tls(url, certificate), headers: headers, resource: resource,
            sampler: sampler, timeoutMilliseconds: timeout)
    }

    // MARK: - The collector

    private static func url(_ values: EnvironmentReader) throws(ConfigurationError) -> HTTPURL? {
        if let text = try values.text(Variable.tracesEndpoint) {
            return try url(text, Variable.tracesEndpoint)
        }
        guard var text = try values.text(Variable.endpoint) else { return nil }
        while text.hasSuffix("/") { text.removeLast() }
        return try url(text + "/v1/traces", Variable.endpoint)
    }

    private static func url(
        _ text: String, _ variable: String
    ) throws(ConfigurationError) -> HTTPURL {
        do { return try HTTPURL(text, allowsClearText: true) } catch {
            throw ConfigurationError(
                variable: variable, value: nil,
                expectation: "give a URL such as http://127.0.0.1:4318; \(error.rawValue)")
        }
    }

    private static func tls(
        _ url: HTTPURL, _ certificate: String?
    ) throws(ConfigurationError) -> TLSContext? {
        guard url.usesTLS else { return nil }
        do { return try TLSContext(TLSOptions(authorityFile: certificate)) } catch {
            throw ConfigurationError(
                variable: Variable.certificate, value: certificate, expectation: "\(error)",
                mayPass: true)
        }
    }

    private static func check(
        _ headers: [(name: String, value: String)], _ variable: String
    ) throws(ConfigurationError) {
        var request = HTTPRequest()
        for (name, value) in headers where !request.add(name, value) {
            throw ConfigurationError(
                variable: variable, value: nil,
                expectation: "\"\(name)\" and its value must be a field of HTTP that the server "
                    + "does not send itself (its value is not shown: it may be a secret)")
        }
    }

    // MARK: - The service

    private static func resource(
        _ values: EnvironmentReader
    ) throws(ConfigurationError) -> [(name: String, value: String)] {
        var resource = try pairs(values, Variable.resource, areSecret: false) ?? []
        func set(_ name: String, _ value: String, replaces: Bool) {
            if let index = resource.firstIndex(where: { $0.name == name }) {
                if replaces { resource[index].value = value }
            } else {
                resource.append((name, value))
            }
        }
        if let name = try values.text(Variable.serviceName) {
            set("service.name", name, replaces: true)
        }
        set("service.name", "core-api", replaces: false)
        set("service.version", Command.versionNumber, replaces: false)
        return resource
    }

    private static func ratio(_ values: EnvironmentReader) throws(ConfigurationError) -> Double {
        guard let text = try values.text(Variable.samplerArgument) else { return 1 }
        guard text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || 0x30...0x39 ~= $0 }),
            let ratio = Double(text), 0...1 ~= ratio
        else {
            throw ConfigurationError(
                variable: Variable.samplerArgument, value: text,
                expectation: "give a share from 0 to 1, such as 0.1")
        }
        return ratio
    }

    // MARK: - Lists

    /// `name=value,name=value`, values percent-encoded, as in W3C Baggage.
    private static func pairs(
        _ values: EnvironmentReader, _ variable: String, areSecret: Bool
    ) throws(ConfigurationError) -> [(name: String, value: String)]? {
        guard let text = try values.text(variable) else { return nil }
        var pairs: [(name: String, value: String)] = []
        for member in text.split(separator: ",") {
            let parts = member.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = decoded(trimmed(parts[0])), !name.isEmpty,
                let value = decoded(trimmed(parts[1]))
            else {
                throw ConfigurationError(
                    variable: variable, value: areSecret ? nil : text,
                    expectation: "give name=value,name=value, with the values percent-encoded")
            }
            pairs.append((name, value))
        }
        return pairs
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.utf8.first == 0x20 { text.removeFirst() }
        while text.utf8.last == 0x20 { text.removeLast() }
        return text
    }

    /// Nil if it is not percent-encoded UTF-8 without control characters.
    private static func decoded(_ text: Substring) -> String? {
        PercentEncoding.decode(text).flatMap { EnvironmentReader.text($0) }
    }
}
