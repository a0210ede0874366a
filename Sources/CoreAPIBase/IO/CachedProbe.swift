/// Coalesces and caches a probe: the probe runs at most once a second for any number of callers,
/// and each caller gets a value within a second. The loop's thread alone uses it.
package final class CachedProbe<Value: Sendable>: EventHandler, @unchecked Sendable {
    private let loop: EventLoop
    private let late: @Sendable () -> Value
    private let probe: @Sendable () async -> Value
    private var last: (value: Value, at: MonotonicTime)?
    private var waiters: [Suspension<Value>] = []
    private var isProbing = false
    package private(set) var deadline = MonotonicTime.never

    /// - Parameters:
    ///   - late: the value for callers when the probe misses the deadline.
    ///   - probe: the operation to cache. It may take longer than the deadline.
    package init(
        loop: EventLoop, late: @escaping @Sendable () -> Value,
        probe: @escaping @Sendable () async -> Value
    ) {
        self.loop = loop
        self.late = late
        self.probe = probe
        loop.submit { [self] in loop.addTimed(self) }
    }

    private static var cacheMilliseconds: Int { 1_000 }
    private static var timeoutMilliseconds: Int { 1_000 }

    /// A value that is at most one second old.
    package func value() async -> Value {
        if let last, last.at.advanced(byMilliseconds: Self.cacheMilliseconds) > loop.now {
            return last.value
        }
        return await Suspension.value { waiter in
            waiters.append(waiter)
            if waiters.count == 1 { startWaiting() }
        }
    }

    private func startWaiting() {
        deadline = .now().advanced(byMilliseconds: Self.timeoutMilliseconds)
        loop.bringForward(deadline)
        // While a probe hangs (a stalled Redis), no second probe starts.
        guard !isProbing else { return }
        isProbing = true
        Task(executorPreference: loop) { [self] in
            let value = await probe()
            isProbing = false
            resumeWaiters(value)
        }
    }

    package func deadlineReached(now: MonotonicTime) { resumeWaiters(late()) }

    private func resumeWaiters(_ value: Value) {
        last = (value, .now())
        deadline = .never
        let resumed = waiters
        waiters = []
        for waiter in resumed { waiter.resume(returning: value) }
    }
}
