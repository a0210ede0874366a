internal import CoreAPIBase
internal import CoreAPIHTTP

/// The export of spans, by OpenTelemetry's environment variables; nothing is traced without an
/// endpoint.
struct TracingConfiguration {
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, or `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces`.
    let url: HTTPURL
    /// For an https URL.
    let certificates: CertificateFiles?
    /// The fields of each request; they may hold secrets.
    let headers: [(name: String, value: String)]
    /// The attributes of this service.
    let resource: [(name: String, value: String)]
    let sampler: TraceSampler
    /// The limit of one attempt.
    let timeoutMilliseconds: Int

    private enum Variable {
        static let isDisabled = "OTEL_SDK_DISABLED"
        static let exporter = "OTEL_TRACES_EXPORTER"
        static let propagators = "OTEL_PROPAGATORS"
        static let serviceName = "OTEL_SERVICE_NAME"
        static let resource = "OTEL_RESOURCE_ATTRIBUTES"
        static let sampler = "OTEL_TRACES_SAMPLER"
        static let samplerArgument = "OTEL_TRACES_SAMPLER_ARG"
    }

    /// A setting of the exporter, with the name that is for traces alone and wins over the other.
    private struct Setting {
        let name: String
        let tracesName: String

        static let endpoint = Setting("ENDPOINT")
        static let headers = Setting("HEADERS")
        static let timeout = Setting("TIMEOUT")
        static let certificate = Setting("CERTIFICATE")
        static let clientCertificate = Setting("CLIENT_CERTIFICATE")
        static let clientKey = Setting("CLIENT_KEY")
        static let compression = Setting("COMPRESSION")
        static let protocolName = Setting("PROTOCOL")

        private init(_ suffix: String) {
            name = "OTEL_EXPORTER_OTLP_\(suffix)"
            tracesName = "OTEL_EXPORTER_OTLP_TRACES_\(suffix)"
        }

        /// The name of the value that counts.
        func variable(_ values: EnvironmentReader) throws(ConfigurationError) -> String {
            try values.text(tracesName) == nil ? name : tracesName
        }
    }

    /// Nil without an endpoint, or if traces are switched off; then the other variables are not
    /// used, but checked.
    static func read(
        _ values: EnvironmentReader
    ) throws(ConfigurationError) -> TracingConfiguration? {
        let isOn = try isOn(values)
        let url = try url(values)
        let headerVariable = try Setting.headers.variable(values)
        let headers = try pairs(values, headerVariable, areSecret: true) ?? []
        try check(headers, headerVariable)
        try checkFixed(values)
        let ratio = try ratio(values)
        let sampler =
            try values.choice(Variable.sampler, TraceSampler.named(ratio: ratio)) ?? TraceSampler()
        let timeout =
            try values.integer(try Setting.timeout.variable(values), in: 100...60_000) ?? 10_000
        let resource = try resource(values)
        let certificates = try certificates(url, values)
        guard let url, isOn else { return nil }
        return TracingConfiguration(
            url: url, certificates: certificates, headers: headers, resource: resource,
            sampler: sampler, timeoutMilliseconds: timeout)
    }

    /// Whether the two general switches leave traces on.
    private static func isOn(_ values: EnvironmentReader) throws(ConfigurationError) -> Bool {
        let exporters = [("otlp", true), ("none", false)]
        let exports = try values.choice(Variable.exporter, exporters) ?? true
        guard let word = try values.text(Variable.isDisabled) else { return exports }
        // OpenTelemetry: in any case; another word counts as false, with a warning.
        switch word.lowercased() {
        case "true": return false
        case "false": return exports
        default:
            throw ConfigurationError(
                variable: Variable.isDisabled, value: word, expectation: "give true or false")
        }
    }

    /// Refuses other protocols than those that the server has.
    private static func checkFixed(_ values: EnvironmentReader) throws(ConfigurationError) {
        let protocols = [("http/json", ())]
        _ = try values.choice(try Setting.protocolName.variable(values), protocols)
        let compressions = [("none", ())]
        _ = try values.choice(try Setting.compression.variable(values), compressions)
        guard let propagators = try values.text(Variable.propagators) else { return }
        guard propagators.split(separator: ",").contains(where: { trimmed($0) == "tracecontext" })
        else {
            throw ConfigurationError(
                variable: Variable.propagators, value: propagators,
                expectation: "give a list with tracecontext: it is what the server understands")
        }
    }

    // MARK: - The collector

    private static func url(_ values: EnvironmentReader) throws(ConfigurationError) -> HTTPURL? {
        let setting = Setting.endpoint
        if let text = try values.text(setting.tracesName) {
            return try url(text, setting.tracesName)
        }
        guard var text = try values.text(setting.name) else { return nil }
        guard !text.utf8.contains(UInt8(ascii: "?")) else {
            throw ConfigurationError(
                variable: setting.name, value: nil,
                expectation: "give a URL without a query: /v1/traces is added to it; "
                    + "\(setting.tracesName) takes a whole URL")
        }
        while text.hasSuffix("/") { text.removeLast() }
        return try url(text + "/v1/traces", setting.name)
    }

    private static func url(
        _ text: String, _ variable: String
    ) throws(ConfigurationError) -> HTTPURL {
        do { return try HTTPURL(text, allowsClearText: true) } catch {
            let rule =
                error == .scheme ? "it must begin with http:// or https://" : error.rawValue
            throw ConfigurationError(
                variable: variable, value: nil,
                expectation: "give a URL such as http://127.0.0.1:4318; \(rule)")
        }
    }

    private static func certificates(
        _ url: HTTPURL?, _ values: EnvironmentReader
    ) throws(ConfigurationError) -> CertificateFiles? {
        let (authority, certificate, key) = (
            try Setting.certificate.variable(values),
            try Setting.clientCertificate.variable(values), try Setting.clientKey.variable(values)
        )
        guard url?.usesTLS != false else {
            for variable in [authority, certificate, key] {
                try values.refuse(
                    variable, because: "the collector's URL does not begin with https://")
            }
            return nil
        }
        let options = TLSOptions(
            authorityFile: try values.text(authority),
            clientCertificate: try values.clientCertificate(certificate, key: key))
        if url == nil { return nil }
        do { return try CertificateFiles(options) } catch {
            let (variable, file) =
                switch error {
                case .certificateFile: (certificate, options.clientCertificate?.file)
                case .keyFile: (key, options.clientCertificate?.keyFile)
                default: (authority, options.authorityFile)
                }
            throw ConfigurationError(
                variable: variable, value: file, expectation: "\(error)", mayPass: true)
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
        var resource: [(name: String, value: String)] = []
        func set(_ name: String, _ value: String, replaces: Bool) {
            if let index = resource.firstIndex(where: { $0.name == name }) {
                if replaces { resource[index].value = value }
            } else {
                resource.append((name, value))
            }
        }
        // Keys are unique; the last value counts.
        for (name, value) in try pairs(values, Variable.resource, areSecret: false) ?? [] {
            set(name, value, replaces: true)
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
