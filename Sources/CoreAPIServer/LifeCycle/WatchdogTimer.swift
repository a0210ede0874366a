internal import CoreAPIBase
internal import Synchronization

/// Sends `WATCHDOG=1` from the event loops: the first loop begins a round at each interval, and the
/// loop that turns last in it notifies the service manager.
///
/// Its properties are used by the first loop's thread alone, except for the machine.
final class WatchdogTimer: EventHandler, @unchecked Sendable {
    private let loops: [EventLoop]
    private let intervalMilliseconds: Int
    private let notify: @Sendable () -> Void
    private let machine: Mutex<Watchdog>
    private(set) var deadline: MonotonicTime

    /// - Parameters:
    ///   - loops: all of the server, not empty.
    ///   - intervalMilliseconds: half of the time after which the service manager acts.
    ///   - notify: is called on one of the loops; it must not block.
    init(
        _ loops: [EventLoop], intervalMilliseconds: Int, notify: @escaping @Sendable () -> Void
    ) {
        self.loops = loops
        self.intervalMilliseconds = intervalMilliseconds
        self.notify = notify
        machine = Mutex(Watchdog(loopCount: loops.count))
        deadline = .now()
    }

    /// Begins with the first round. The loops hold the timer.
    func start() {
        loops[0].submit {
            self.loops[0].addTimed(self)
            self.loops[0].bringForward(self.deadline)
        }
    }

    func ready(_ readiness: SocketReadiness) {}

    func deadlineReached(now: MonotonicTime) {
        deadline = now.advanced(byMilliseconds: intervalMilliseconds)
        perform(machine.withLock { $0.intervalEnded() })
    }

    private func perform(_ action: Watchdog.Action) {
        switch action {
        case .nothing: break
        case .ask:
            for loop in loops {
                loop.submit { self.perform(self.machine.withLock { $0.turned() }) }
            }
        case .notify: notify()
        }
    }
}
