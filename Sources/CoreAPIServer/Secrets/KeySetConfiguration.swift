internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// The configured public keys of the issuer.
struct KeySetConfiguration {
    /// Where the keys come from.
    enum Source {
        /// A file, and what it had at the start.
        case file(KeySetFile, KeySetFile.Contents)
        /// A URL, and the authorities that may vouch for the host of https.
        case url(HTTPURL, CertificateFiles?)
    }

    let source: Source
    /// How long the last good set of a URL is used while the issuer is away.
    let staleSeconds: Int

    static let fileVariable = "JWT_JWKS_FILE"
    static let urlVariable = "JWT_JWKS_URL"
    static let authorityVariable = "JWT_JWKS_CA_FILE"
    static let staleVariable = "JWT_JWKS_STALE_SECONDS"
    static let staleSecondsDefault = 86_400

    /// Whether one of the two variables is set.
    static func isConfigured(_ values: EnvironmentReader) throws(ConfigurationError) -> Bool {
        let path = try values.text(fileVariable)
        guard try values.text(urlVariable) != nil else { return path != nil }
        guard path == nil else {
            throw ConfigurationError(
                variable: fileVariable, value: path,
                expectation: "\(urlVariable) is set too: give one of the two")
        }
        return true
    }

    /// Reads the variables; nil without a key set.
    ///
    /// - Parameter algorithms: those of public keys that are believed.
    static func read(
        _ values: EnvironmentReader, _ algorithms: Set<TokenAlgorithm>
    ) throws(ConfigurationError) -> KeySetConfiguration? {
        let staleSeconds = try values.integer(
            staleVariable, in: KeySetStateMachine.staleSecondsBounds)
        let url = try url(values)
        if url == nil {
            let reason = "\(urlVariable), which it is for, is not set"
            try values.refuse(staleVariable, because: reason)
            try values.refuse(authorityVariable, because: reason)
        } else if url?.usesTLS == false {
            try values.refuse(
                authorityVariable, because: "\(urlVariable) does not begin with https://")
        }
        let source: Source
        if let url {
            source = .url(url, url.usesTLS ? try authorities(values) : nil)
        } else if let path = try values.text(fileVariable) {
            source = try file(path, algorithms)
        } else {
            return nil
        }
        return KeySetConfiguration(
            source: source, staleSeconds: staleSeconds ?? staleSecondsDefault)
    }

    private static func url(_ values: EnvironmentReader) throws(ConfigurationError) -> HTTPURL? {
        guard let text = try values.text(urlVariable) else { return nil }
        do { return try HTTPURL(text) } catch {
            // The value may hold a secret: a password, or a key in the query.
            throw ConfigurationError(
                variable: urlVariable, value: nil,
                expectation: "\(error.rawValue); the form is https://host[:port]/path")
        }
    }

    private static func authorities(
        _ values: EnvironmentReader
    ) throws(ConfigurationError) -> CertificateFiles {
        let path = try values.text(authorityVariable)
        do { return try CertificateFiles(TLSOptions(authorityFile: path)) } catch {
            throw ConfigurationError(
                variable: authorityVariable, value: path,
                expectation: "\(error): give a file of certificates in PEM",
                mayPass: path.map(Process.isAway) ?? false)
        }
    }

    private static func file(
        _ path: String, _ algorithms: Set<TokenAlgorithm>
    ) throws(ConfigurationError) -> Source {
        let file = KeySetFile(path: path, algorithms: algorithms)
        do { return .file(file, try file.read()) } catch {
            throw ConfigurationError(
                variable: fileVariable, value: path,
                expectation: "\(error): give the path of a file with a JWK Set (RFC 7517)",
                mayPass: error.mayPass)
        }
    }
}
