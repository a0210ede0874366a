internal import CoreAPIBase

/// Calls a function each second, and resumes tasks that wait. Only its loop's thread uses it.
final class ConsoleClock: EventHandler, @unchecked Sendable {
    private let loop: EventLoop
    private var waiters: [(due: MonotonicTime, waiter: Suspension<Void>)] = []
    private var nextTick = MonotonicTime.never
    private var tick: () -> Void = {}
    private(set) var deadline = MonotonicTime.never

    private static let tickMilliseconds = 1_000

    init(_ loop: EventLoop) {
        self.loop = loop
        loop.submit { [self] in loop.addTimed(self) }
    }

    /// Calls the function each second from now on. Any thread may call this.
    func start(_ tick: @escaping @Sendable () -> Void) {
        loop.submit { [self] in
            self.tick = tick
            nextTick = loop.now.advanced(byMilliseconds: ConsoleClock.tickMilliseconds)
            setDeadline()
        }
    }

    func wait(milliseconds: Int) async {
        await Suspension<Void>.value { waiter in
            waiters.append((.now().advanced(byMilliseconds: milliseconds), waiter))
            setDeadline()
        }
    }

    private func setDeadline() {
        deadline = waiters.map(\.due).min().map { min($0, nextTick) } ?? nextTick
        loop.bringForward(deadline)
    }

    func deadlineReached(now: MonotonicTime) {
        let due = waiters.filter { $0.due <= now }
        waiters.removeAll { $0.due <= now }
        let ticks = nextTick <= now
        if ticks { nextTick = now.advanced(byMilliseconds: ConsoleClock.tickMilliseconds) }
        setDeadline()
        for (_, waiter) in due { waiter.resume(returning: ()) }
        if ticks { tick() }
    }
}
