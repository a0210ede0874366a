internal import Logging

/// A file that is read again when it changes and on SIGHUP. Its contents in use are replaced by
/// valid ones alone.
final class WatchedFile<Value: Equatable, Failure: Error & Equatable>: WatchedContents {
    /// The contents in the log: `secrets`.
    let name: String
    let path: String
    let logger: Logger
    let read: () throws(Failure) -> Value
    /// The number of elements, for the log; nil if they are not counted.
    let count: ((Value) -> Int)?
    /// Called with new contents.
    let use: (Value) -> Void
    /// Called with the reason why the file is not used; nil when it is used again.
    let failed: (Failure?) -> Void
    private var reload: FileReload<Value, Failure>

    init(
        _ name: String, path: String, inUse value: Value, logger: Logger,
        read: @escaping () throws(Failure) -> Value, count: ((Value) -> Int)? = nil,
        use: @escaping (Value) -> Void, failed: @escaping (Failure?) -> Void = { _ in }
    ) {
        (self.name, self.path, self.logger) = (name, path, logger)
        (self.read, self.count, self.use, self.failed) = (read, count, use, failed)
        reload = FileReload(inUse: value)
    }

    func look(isAsked: Bool) {
        let found = FileReload<Value, Failure>.Finding { () throws(Failure) in try read() }
        switch isAsked ? reload.asked(found) : reload.looked(found) {
        case .nothing: break
        case .use(let value):
            failed(nil)
            use(value)
            var metadata: Logger.Metadata = ["file": "\(path)"]
            if let count { metadata["count"] = "\(count(value))" }
            logger.info("\(name) reloaded", metadata: metadata)
        case .unchanged:
            failed(nil)
            logger.info("\(name) unchanged", metadata: ["file": "\(path)"])
        case .keep(let error):
            failed(error)
            logger.error(
                "\(name) not reloaded: those in use stay",
                metadata: ["file": "\(path)", "reason": "\(error)"])
        }
    }
}
