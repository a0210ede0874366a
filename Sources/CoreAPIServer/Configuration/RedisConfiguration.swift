internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis

/// The configured URL of Redis and its TLS certificates.
struct RedisConfiguration {
    let url: RedisURL
    /// The TLS context; nil without TLS.
    let tls: TLSContext?
    /// The files of URL and certificates.
    let files: RedisFiles
    /// What the files had before they were used.
    let contents: RedisFiles.Contents

    static let urlStandard = "redis://127.0.0.1:6379/0"
    private static let forms =
        "the forms are redis://[user[:password]@]host[:port][/db], the same with rediss:// for "
        + "TLS, unix://[user[:password]@]/path[?db=N], and for sentinels "
        + "redis-sentinel://[user[:password]@]host[:port][,host[:port]…][/db]?master=NAME"
        + "[&sentinel_username=…&sentinel_password=…], the same with rediss-sentinel:// for TLS, "
        + "and for a cluster redis-cluster://[user[:password]@]host[:port][,host[:port]…], the "
        + "same with rediss-cluster:// for TLS"
    private static let fileBytesMax = 16 * 1024

    private enum Variable {
        static let url = "REDIS_URL"
        static let urlFile = "REDIS_URL_FILE"
        static let authorityFile = "REDIS_TLS_CA_FILE"
        static let certificateFile = "REDIS_TLS_CERT_FILE"
        static let keyFile = "REDIS_TLS_KEY_FILE"
    }

    static let variables = [
        Variable.url, Variable.urlFile, Variable.authorityFile, Variable.certificateFile,
        Variable.keyFile,
    ]

    init(_ values: EnvironmentReader) throws(ConfigurationError) {
        let options = try RedisConfiguration.options(values)
        files = RedisFiles(url: try values.text(Variable.urlFile), tls: options)
        contents = files.read()
        url = try RedisConfiguration.url(values)
        tls = try RedisConfiguration.tls(url, options)
    }

    private init(
        _ url: RedisURL, _ tls: TLSContext?, _ files: RedisFiles, _ contents: RedisFiles.Contents
    ) {
        (self.url, self.tls, self.files, self.contents) = (url, tls, files, contents)
    }

    /// The configuration of the same files, which have changed.
    ///
    /// - Parameter contents: theirs.
    /// - Throws: also if the URL may be of another Redis (`RedisURL.checkReplaces`).
    func reread(
        _ contents: RedisFiles.Contents
    ) throws(ConfigurationError) -> RedisConfiguration {
        var url = self.url
        if let path = files.url {
            url = try RedisConfiguration.url(inFile: path)
            do { try url.checkReplaces(self.url) } catch {
                throw RedisConfiguration.wrongFile(path, "the URL in it differs: \(error.rawValue)")
            }
        }
        let tls = try RedisConfiguration.tls(url, files.tls)
        return RedisConfiguration(url, tls, files, contents)
    }

    private static func tls(
        _ url: RedisURL, _ options: TLSOptions
    ) throws(ConfigurationError) -> TLSContext? {
        do { return try TLSContext.of(url, options) } catch { throw wrong(error, options) }
    }

    /// Throws if the queue cannot be in the Redis of the URL.
    func check(_ queue: Configuration.Queue) throws(ConfigurationError) {
        guard url.place.cluster != nil, case .rq = queue else { return }
        throw ConfigurationError(
            variable: Variable.url, value: "\(url)",
            expectation: "QUEUE is \(queue.name), and python-rq does not support a Redis Cluster: "
                + "set QUEUE=stream:KEY, or name a Redis that is no cluster")
    }

    // MARK: - The URL

    private static func url(_ values: EnvironmentReader) throws(ConfigurationError) -> RedisURL {
        let given = try values.text(Variable.url)
        guard let path = try values.text(Variable.urlFile) else {
            let text = given ?? urlStandard
            do { return try RedisURL(text) } catch {
                throw ConfigurationError(
                    variable: Variable.url, value: shown(text),
                    expectation: "\(error.rawValue); \(forms)")
            }
        }
        guard given == nil else {
            throw wrongFile(path, "\(Variable.url) is set too: give one of the two")
        }
        return try url(inFile: path)
    }

    private static func url(inFile path: String) throws(ConfigurationError) -> RedisURL {
        let text = try text(ofFile: path)
        do { return try RedisURL(text) } catch {
            throw wrongFile(path, "the URL in it is wrong: \(error.rawValue); \(forms)")
        }
    }

    /// The only line of the file.
    private static func text(ofFile path: String) throws(ConfigurationError) -> String {
        let found: [UInt8]?
        do {
            // Read one byte more than the limit to detect a file that is too large.
            found = try Process.readFile(path, bytesMax: fileBytesMax + 1)
        } catch {
            throw wrongFile(
                path, "\(error): give the path of a file that holds the URL", mayPass: true)
        }
        let regular = "give a regular file of at most \(fileBytesMax) bytes"
        guard var bytes = found else { throw wrongFile(path, regular, mayPass: true) }
        guard bytes.count <= fileBytesMax else { throw wrongFile(path, regular) }
        while bytes.last == UInt8(ascii: "\n") || bytes.last == UInt8(ascii: "\r") {
            bytes.removeLast()
        }
        guard let text = EnvironmentReader.text(bytes) else {
            throw wrongFile(path, "give a file that holds the URL and nothing else, on one line")
        }
        return text
    }

    private static func wrongFile(
        _ path: String, _ expectation: String, mayPass: Bool = false
    ) -> ConfigurationError {
        ConfigurationError(
            variable: Variable.urlFile, value: shown(path), expectation: expectation,
            mayPass: mayPass)
    }

    /// The part of an invalid URL that cannot contain a login: only the scheme if the rest has an
    /// `@`, a `%`, a colon before anything but digits, or before the parameters an `=`, an `&` or a
    /// space; never the parameters.
    private static func shown(_ url: String) -> String {
        let scheme = url.firstRange(ofASCII: "://")?.upperBound ?? url.startIndex
        let query = url[scheme...].firstIndex(of: "?") ?? url.endIndex
        let rest = url[scheme..<query]
        guard !url[scheme...].contains(where: "@%".contains), !rest.contains(where: "=& ".contains)
        else { return url[..<scheme] + "…" }
        let parameters = query == url.endIndex ? "" : "?…"
        guard let colon = rest.firstIndex(of: ":") else { return url[..<query] + parameters }
        let port = rest[rest.index(after: colon)...].prefix { $0 != "/" }
        return !port.isEmpty && port.allSatisfy(\.isNumber) && colon > rest.startIndex
            ? url[..<query] + parameters : url[..<scheme] + "…"
    }

    // MARK: - TLS

    private static func options(
        _ values: EnvironmentReader
    ) throws(ConfigurationError) -> TLSOptions {
        TLSOptions(
            authorityFile: try values.text(Variable.authorityFile),
            clientCertificate: try values.clientCertificate(
                Variable.certificateFile, key: Variable.keyFile))
    }

    private static func wrong(_ error: TLSOptionsError, _ options: TLSOptions) -> ConfigurationError
    {
        switch error {
        case .authorityFile(let path, let reason):
            return ConfigurationError(
                variable: Variable.authorityFile, value: path,
                expectation: "\(reason): give a file with the authorities' certificates in PEM",
                mayPass: Process.isAway(path))
        case .certificateFile(let path, let reason):
            return ConfigurationError(
                variable: Variable.certificateFile, value: path,
                expectation: "\(reason): give a file with the client's certificate in PEM",
                mayPass: Process.isAway(path))
        case .keyFile(let path, let reason):
            return ConfigurationError(
                variable: Variable.keyFile, value: path,
                expectation: "\(reason): give a file with the certificate's private key in PEM, "
                    + "without a passphrase",
                mayPass: Process.isAway(path))
        case .notUsed:
            let path = options.authorityFile
            return ConfigurationError(
                variable: path == nil ? Variable.certificateFile : Variable.authorityFile,
                value: path ?? options.clientCertificate?.file,
                expectation: "it needs rediss://, rediss-sentinel:// or rediss-cluster://, but "
                    + "\(error)")
        }
    }
}
