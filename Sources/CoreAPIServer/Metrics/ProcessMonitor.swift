internal import CoreAPIBase
internal import CoreAPIKit
internal import Synchronization

/// Reads the process's resource usage, at most once a second. It runs on a thread of its own, never
/// on an event loop: before Linux 6.2, counting the open files is slow.
final class ProcessMonitor: Sendable {
    private struct State {
        var last: (usage: ProcessUsage, at: MonotonicTime)?
        var waiters: [Suspension<ProcessUsage?>] = []
    }

    private let state = Mutex(State())

    private static let cacheMilliseconds = 1_000

    /// The usage, at most one second old; nil if no thread can be started.
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
            if isFirst { startReading() }
        }
    }

    private func startReading() {
        do {
            try Thread.start(named: "core-api-usage") { [self] in resumeWaiters(Process.usage()) }
        } catch {
            resumeWaiters(nil)
        }
    }

    private func resumeWaiters(_ usage: ProcessUsage?) {
        let waiters = state.withLock { state in
            if let usage { state.last = (usage, .now()) }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: usage) }
    }
}
