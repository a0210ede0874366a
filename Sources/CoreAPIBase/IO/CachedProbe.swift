/// Asks something at most once a second, however many callers ask, and tells them within a second.
/// It lives on its loop's thread.
package final class CachedProbe<Value: Sendable>: EventHandler, @unchecked Sendable {
    private let loop: EventLoop
    private let late: @Sendable () -> Value
    private let probe: @Sendable () async -> Value
    private var last: (value: Value, at: MonotonicTime)?
    private var waiters: [Suspension<Value>] = []
    private var isProbing = false
    package private(set) var deadline = MonotonicTime.never

    /// - Parameters:
    ///   - late: what callers are told when the probe takes longer than they wait.
    ///   - probe: may take its time.
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

    /// What was found, not longer than a second ago.
    package func value() async -> Value {
        if let last, last.at.advanced(byMilliseconds: Self.cacheMilliseconds) > loop.now {
            return last.value
        }
        return await Suspension.value { waiter in
            waiters.append(waiter)
            if waiters.count == 1 { beginToWait() }
        }
    }

    private func beginToWait() {
        deadline = .now().advanced(byMilliseconds: Self.timeoutMilliseconds)
        loop.bringForward(deadline)
        // A probe that has not come back from a stalled Redis is not followed by another.
        guard !isProbing else { return }
        isProbing = true
        Task(executorPreference: loop) { [self] in
            let value = await probe()
            isProbing = false
            tellWaiters(value)
        }
    }

    package func deadlineReached(now: MonotonicTime) { tellWaiters(late()) }

    private func tellWaiters(_ value: Value) {
        last = (value, .now())
        deadline = .never
        let told = waiters
        waiters = []
        for waiter in told { waiter.resume(returning: value) }
    }
}
