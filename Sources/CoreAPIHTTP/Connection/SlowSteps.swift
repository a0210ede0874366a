package import CoreAPIBase

/// The requests of one loop whose next step takes long: the verification of a signature by a public
/// key takes 0.1 to 0.7 ms.
///
/// Such a request waits here, and its connection is called again when its step is due: one step for
/// each call, half a millisecond of steps for each turn of the loop. Quick requests are answered in
/// between, so they wait for a few steps and not for all of them.
///
/// Sendable by discipline: only the loop's thread calls it, except for `init`.
package final class SlowSteps: EventHandler, @unchecked Sendable {
    private struct Waiting {
        let connection: Connection
        let since: MonotonicTime
    }

    /// The time of a turn for slow steps; the last one may exceed it.
    static let turnNanoseconds: UInt64 = 500_000
    /// How long a request waits for its step at most. Later it gets no step.
    static let waitMillisecondsMax = 5_000

    /// The largest number of requests that wait.
    package static let waitingMax = 8_192

    private let loop: EventLoop
    private var waiting: [Waiting] = []
    /// The number of elements of `waiting` whose step was taken.
    private var taken = 0
    private var grant = Grant.no(.notYet)
    private var refusal: Refusal?

    /// Why a step was not granted.
    package enum Refusal {
        /// The request waits for its step.
        case notYet
        /// The request has waited too long.
        case tooLate
    }

    private enum Grant {
        case yes
        case no(Refusal)
    }

    package let deadline = MonotonicTime.never

    package init(on loop: EventLoop) { self.loop = loop }

    package func deadlineReached(now: MonotonicTime) {}

    // MARK: - Steps

    /// Whether the caller may take a slow step now. False: the caller must stop its work.
    package func take() -> Bool {
        switch exchange(&grant, with: .no(.notYet)) {
        case .yes: return true
        case .no(let reason):
            refusal = reason
            return false
        }
    }

    /// Why `take` has returned false since the last call of this function; nil if it has not.
    package func takeRefusal() -> Refusal? { exchange(&refusal, with: nil) }

    /// Whether one more request may wait.
    package var hasRoom: Bool { waiting.count - taken < SlowSteps.waitingMax }

    /// Calls the connection when a step is due.
    func add(_ connection: Connection) {
        if waiting.isEmpty { loop.requestTurn(self) }
        waiting.append(Waiting(connection: connection, since: .now()))
    }

    package func proceed() {
        let began = MonotonicTime.now()
        let end = MonotonicTime(nanoseconds: began.nanoseconds + SlowSteps.turnNanoseconds)
        var now = began
        repeat {
            let step = waiting[taken]
            taken += 1
            let latest = step.since.advanced(byMilliseconds: SlowSteps.waitMillisecondsMax)
            grant = now < latest ? .yes : .no(.tooLate)
            step.connection.slowStepIsDue()
            grant = .no(.notYet)
            now = .now()
        } while taken < waiting.count && now < end
        // Removes the elements in large portions, since each removal moves the rest.
        if taken == waiting.count || taken > 1_000 {
            waiting.removeFirst(taken)
            taken = 0
        }
        if !waiting.isEmpty { loop.requestTurn(self) }
    }
}
