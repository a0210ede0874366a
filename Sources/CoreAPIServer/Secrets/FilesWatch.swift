internal import CoreAPIBase
internal import Logging

/// Waits for the signal that ends the process, and meanwhile reads the watched files again: at once
/// on SIGHUP, otherwise by a poll each second. Why not by inotify: docs/decisions/0011.
struct FilesWatch {
    let logger: Logger
    let files: [any WatchedContents]
    /// Called on SIGHUP, besides the files. Returns whether there is something else to renew.
    let renew: () -> Bool

    /// The interval between polls.
    private static let intervalMilliseconds = 1_000

    /// Returns after SIGTERM or SIGINT.
    func waitForEnd() {
        while true {
            switch Process.waitForNotice(before: nextLook) {
            case .end?: return
            case .reload?:
                look(isAsked: true)
                if !renew(), files.isEmpty {
                    logger.info("SIGHUP changes nothing: no variable names a file to read again")
                }
            case nil: look(isAsked: false)
            }
        }
    }

    private func look(isAsked: Bool) {
        for file in files { file.look(isAsked: isAsked) }
    }

    private var nextLook: MonotonicTime {
        guard !files.isEmpty else { return .never }
        return .now().advanced(byMilliseconds: FilesWatch.intervalMilliseconds)
    }
}
