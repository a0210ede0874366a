internal import CoreAPIBase
internal import CoreAPIKit
internal import Synchronization

/// Asks the kernel what the process uses, once a second at most and never on an event loop: before
/// Linux 6.2, open files are counted one by one.
final class ProcessMonitor: Sendable {
    private struct State {
        var last: (usage: ProcessUsage, at: MonotonicTime)?
        var waiters: [Suspension<ProcessUsage?>] = []
    }

    private let state = Mutex(State())

    private static let cacheMilliseconds = 1_000

    /// Not older than a second; nil if there is no thread to ask on.
    func usage() async -> ProcessUsage? {
        let now = MonotonicTime.now()
        let last = state.withLock { $0.last }
        if let last, last.at.advanced(byMilliseconds: ProcessMonitor.cacheMilliseconds) > now {
            return last.usage
        }
        return await Suspension.value { waiter in
            let isFirst = state.withLock { state in
                state.waiters.append(waiter)
                return state.waiters.count == 1
            }
            if isFirst { ask() }
        }
    }

    private func ask() {
        do {
            try Thread.start { [self] in tell(Process.usage()) }
        } catch {
            tell(nil)
        }
    }

    private func tell(_ usage: ProcessUsage?) {
        let waiters = state.withLock { state in
            if let usage { state.last = (usage, .now()) }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: usage) }
    }
}
