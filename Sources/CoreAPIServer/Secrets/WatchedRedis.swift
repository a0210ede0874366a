internal import CoreAPIRedis
internal import Logging

/// The URL and the certificates of Redis, which are read again when their files change and on
/// SIGHUP. What is in use is replaced by what is valid, and of the same Redis, alone.
final class WatchedRedis: WatchedContents {
    /// A configuration is identified by the bytes of its files.
    private struct Loaded: Equatable {
        let contents: RedisFiles.Contents
        let configuration: RedisConfiguration

        static func == (left: Loaded, right: Loaded) -> Bool { left.contents == right.contents }
    }

    private typealias Reload = FileReload<Loaded, ConfigurationError>

    private let files: RedisFiles
    private let logger: Logger
    /// Called with a new configuration.
    private let use: (RedisConfiguration) -> Void
    private var inUse: RedisConfiguration
    private var reload: Reload
    /// The last finding, with the contents that it is of.
    private var last: (contents: RedisFiles.Contents, finding: Reload.Finding)?

    /// Nil if the configuration has no files.
    init?(
        _ configuration: RedisConfiguration, logger: Logger,
        use: @escaping (RedisConfiguration) -> Void
    ) {
        guard configuration.files.areWatched else { return nil }
        files = configuration.files
        self.logger = logger
        self.use = use
        inUse = configuration
        let loaded = Loaded(contents: configuration.contents, configuration: configuration)
        reload = Reload(inUse: loaded)
        last = (configuration.contents, .success(loaded))
    }

    func look(isAsked: Bool) {
        let found = find()
        switch isAsked ? reload.asked(found) : reload.looked(found) {
        case .nothing: break
        case .use(let loaded):
            inUse = loaded.configuration
            logger.info(
                "Redis's login and certificates reloaded: connections are renewed",
                metadata: ["redis": "\(inUse.url)", "files": "\(files)"])
            if let warning = inUse.url.loginWarning { logger.warning("REDIS_URL_FILE: \(warning)") }
            use(inUse)
        case .unchanged:
            logger.info(
                "Redis's login and certificates unchanged", metadata: ["files": "\(files)"])
        case .keep(let error):
            logger.error(
                "Redis's login and certificates not reloaded: those in use stay",
                metadata: ["reason": "\(error)"])
        }
    }

    private func find() -> Reload.Finding {
        let contents = files.read()
        if let last, last.contents == contents { return last.finding }
        let finding = Reload.Finding { () throws(ConfigurationError) in
            Loaded(contents: contents, configuration: try inUse.reread(contents))
        }
        // OpenSSL reads the certificates by their paths: they may have changed since.
        last = files.read() == contents ? (contents, finding) : nil
        return finding
    }
}
