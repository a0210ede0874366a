internal import CoreAPIBase
internal import CoreAPIKit
internal import Logging

/// Waits for the signal that ends the process, and meanwhile reloads the secrets file: at once on
/// SIGHUP, otherwise by a poll each second. Why not by inotify: docs/decisions/0011.
struct SecretsWatch {
    let file: SecretsFile?
    let logger: Logger
    /// Called with the new secrets after a reload.
    let use: ([[UInt8]]) -> Void

    /// Returns after SIGTERM or SIGINT.
    ///
    /// - Parameter secrets: the secrets in use.
    func waitForEnd(inUse secrets: [[UInt8]]) {
        var reload = SecretsReload(inUse: secrets)
        while true {
            switch (Process.waitForNotice(before: nextLook), file) {
            case (.end, _): return
            case (.reload, nil):
                logger.info(
                    "SIGHUP changes nothing: \(SecretsConfiguration.fileVariable) is not set")
            case (.reload, let file?): act(on: reload.asked(find(file)), file)
            case (nil, let file?): act(on: reload.looked(find(file)), file)
            case (nil, nil): break
            }
        }
    }

    private var nextLook: MonotonicTime {
        guard file != nil else { return .never }
        return .now().advanced(byMilliseconds: SecretsReload.intervalMilliseconds)
    }

    private func find(_ file: SecretsFile) -> SecretsReload.Finding {
        do { return .success(try file.read()) } catch { return .failure(error) }
    }

    private func act(on action: SecretsReload.Action, _ file: SecretsFile) {
        switch action {
        case .nothing: break
        case .use(let secrets):
            use(secrets)
            logger.info(
                "secrets reloaded", metadata: ["file": "\(file.path)", "count": "\(secrets.count)"])
            for warning in SecretsConfiguration.warnings(secrets, inFile: true) {
                logger.warning("\(warning)")
            }
        case .unchanged:
            logger.info("secrets unchanged", metadata: ["file": "\(file.path)"])
        case .keep(let error):
            logger.error(
                "secrets not reloaded: those in use stay",
                metadata: ["file": "\(file.path)", "reason": "\(error)"])
        }
    }
}
