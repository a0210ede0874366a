internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

extension Server {
    /// The files of secrets, of keys, of Redis, of the console's password, and of certificates.
    static func watchedFiles(
        _ configuration: Configuration, _ keys: TokenKeys,
        _ connections: [RedisRenewal.Connections], _ console: Console?,
        _ exporter: SpanExporter?, _ logger: Logger
    ) -> [any WatchedContents] {
        var files: [any WatchedContents] = []
        if !connections.isEmpty {
            let renewal = RedisRenewal(
                connections, slot: configuration.queue.slot, logger: logger,
                renewOthers: { console?.data.inspector.renew($0) })
            if let redis = WatchedRedis(configuration.redis, logger: logger, use: renewal.use) {
                files.append(redis)
            }
        }
        if let file = configuration.secrets.file {
            files.append(
                WatchedFile(
                    "secrets", path: file.path, inUse: configuration.secrets.secrets,
                    logger: logger, read: file.read, count: \.count,
                    use: { secrets in
                        keys.use(secrets: secrets)
                        for warning in SecretsConfiguration.warnings(secrets, inFile: true) {
                            logger.warning("\(warning)")
                        }
                    }))
        }
        if case .file(let file, let contents)? = configuration.keySet?.source {
            files.append(
                WatchedFile(
                    "keys", path: file.path, inUse: contents, logger: logger, read: file.read,
                    count: { $0.keySet.usableCount }, use: { keys.use($0, of: file) },
                    failed: keys.fileFailed))
        }
        if let console, let settings = configuration.console {
            files.append(
                WatchedFile(
                    "passwords of the console", path: settings.file, inUse: settings.password,
                    logger: logger,
                    read: { () throws(ConsoleConfiguration.Problem) in
                        try ConsoleConfiguration.read(settings.file).get()
                    },
                    count: { _ in 1 }, use: console.use))
        }
        if case .url(_, let authorities?)? = configuration.keySet?.source {
            files += watched("authorities of the key set", authorities, logger, use: keys.use)
        }
        if let certificates = configuration.tracing?.certificates, let exporter {
            files += watched("certificates of the collector", certificates, logger) {
                exporter.adopt(tls: $0.tls)
            }
        }
        return files
    }

    /// Of certificates without files: none.
    private static func watched(
        _ name: String, _ certificates: CertificateFiles, _ logger: Logger,
        use: @escaping (CertificateFiles.Contents) -> Void
    ) -> [any WatchedContents] {
        guard let paths = certificates.paths else { return [] }
        return [
            WatchedFile(
                name, path: paths, inUse: certificates.first, logger: logger,
                read: certificates.reader(), use: use)
        ]
    }
}
