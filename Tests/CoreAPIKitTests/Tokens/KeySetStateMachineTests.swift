import CoreAPIBase
import Testing

@testable import CoreAPIKit

/// When a key set is fetched, and how long it is used.
struct KeySetStateMachineTests {
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func after(_ milliseconds: Int) -> MonotonicTime {
        Self.start.advanced(byMilliseconds: milliseconds)
    }

    private func machine(staleSeconds: Int = 86_400) -> KeySetStateMachine {
        KeySetStateMachine(staleSeconds: staleSeconds, now: Self.start)
    }

    /// A machine whose first fetch has brought a set.
    private func fetched(
        freshSeconds: Int? = nil, staleSeconds: Int = 86_400, jitter: Double = 0
    ) -> KeySetStateMachine {
        var machine = machine(staleSeconds: staleSeconds)
        _ = machine.deadlineReached(now: Self.start)
        machine.fetched(freshSeconds: freshSeconds, now: Self.start, jitter: jitter)
        return machine
    }

    @Test func `the first fetch begins at once, and one is in flight at a time`() {
        var machine = machine()
        #expect(machine.deadline == after(0))
        let first = machine.deadlineReached(now: after(0))
        #expect(first == .fetch)
        #expect(machine.deadline == .never)
        machine.asked(now: after(60_000))
        let second = machine.deadlineReached(now: after(60_000))
        #expect(second == .none)
    }

    @Test(
        arguments: [
            (nil, 0.0, 240_000), (nil, 1, 270_000), (600, 0, 480_000), (600, 1, 540_000),
            (0, 0, 8_000), (9, 0, 8_000), (10, 1, 9_000), (3_600, 0, 2_880_000),
            (.max, 1, 3_240_000),
        ] as [(Int?, Double, Int)])
    func `the next fetch comes before the set is not fresh any more`(
        freshSeconds: Int?, jitter: Double, milliseconds: Int
    ) {
        var machine = fetched(freshSeconds: freshSeconds, jitter: jitter)
        #expect(machine.deadline == after(milliseconds))
        let early = machine.deadlineReached(now: after(milliseconds - 1))
        #expect(early == .none)
        let due = machine.deadlineReached(now: after(milliseconds))
        #expect(due == .fetch)
    }

    @Test func `a short bound of use shortens the freshness`() {
        #expect(fetched(freshSeconds: 3_600, staleSeconds: 60).deadline == after(24_000))
    }

    @Test func `an unknown key asks for a fetch, at most once in five seconds`() {
        var machine = fetched()
        machine.asked(now: after(1_000))
        machine.asked(now: after(2_000))
        #expect(machine.deadline == after(5_000))
        let due = machine.deadlineReached(now: after(5_000))
        #expect(due == .fetch)
        machine.fetched(freshSeconds: nil, now: after(5_100), jitter: 0)
        machine.asked(now: after(5_200))
        #expect(machine.deadline == after(10_000))
    }

    @Test func `after the cooldown, an unknown key begins a fetch at once`() {
        var machine = fetched()
        machine.asked(now: after(7_000))
        #expect(machine.deadline == after(7_000))
    }

    @Test func `a fetch that is due earlier stays due`() {
        var machine = fetched(freshSeconds: 10)
        machine.asked(now: after(7_900))
        #expect(machine.deadline == after(7_900))
        var late = fetched(freshSeconds: 10)
        late.asked(now: after(9_000))
        #expect(late.deadline == after(8_000))
    }

    @Test func `the cooldown counts failures, too`() {
        var machine = machine()
        _ = machine.deadlineReached(now: after(0))
        machine.failed(now: after(10), jitter: 0)
        machine.asked(now: after(20))
        #expect(machine.deadline == after(5_000))
        let early = machine.deadlineReached(now: after(4_999))
        #expect(early == .none)
    }

    @Test func `the pause after failures doubles up to a bound, and a success ends it`() {
        var machine = fetched()
        var now = machine.deadline
        var pauses: [Int] = []
        for _ in 0..<7 {
            let action = machine.deadlineReached(now: now)
            #expect(action == .fetch)
            machine.failed(now: now, jitter: 1)
            pauses.append(machine.deadline.milliseconds(since: now))
            now = machine.deadline
        }
        #expect(pauses == [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000])
        _ = machine.deadlineReached(now: now)
        machine.fetched(freshSeconds: 10, now: now, jitter: 0)
        now = machine.deadline
        _ = machine.deadlineReached(now: now)
        machine.failed(now: now, jitter: 1)
        #expect(machine.deadline.milliseconds(since: now) == 5_000)
    }

    @Test func `without a set, the pause is short`() {
        var machine = machine()
        var now = after(0)
        var pauses: [Int] = []
        for _ in 0..<4 {
            _ = machine.deadlineReached(now: now)
            machine.failed(now: now, jitter: 1)
            pauses.append(machine.deadline.milliseconds(since: now))
            now = machine.deadline
        }
        #expect(pauses == [5_000, 10_000, 10_000, 10_000])
    }

    @Test func `failures leave the set in use until it is too old`() {
        var machine = fetched(staleSeconds: 60)
        var now = machine.deadline
        var actions: [KeySetStateMachine.Action] = []
        while actions.last != .expire, now <= after(60_000) {
            let action = machine.deadlineReached(now: now)
            actions.append(action)
            if action == .fetch { machine.failed(now: now, jitter: 0) }
            now = machine.deadline
        }
        #expect(actions.last == .expire)
        #expect(actions.count { $0 == .expire } == 1)
        #expect(actions.dropLast().allSatisfy { $0 == .fetch })
        #expect(max(machine.deadline, after(60_000)) <= after(70_000))
    }

    /// A machine whose fetches fail, each at once, until its set is too old.
    ///
    /// - Returns: besides, when it expired and when the last fetch ended.
    private func expired(
        staleSeconds: Int
    ) -> (machine: KeySetStateMachine, expiry: MonotonicTime, lastEnd: MonotonicTime) {
        var machine = fetched(staleSeconds: staleSeconds)
        var (now, lastEnd) = (machine.deadline, Self.start)
        while true {
            switch machine.deadlineReached(now: now) {
            case .none: break
            case .fetch:
                machine.failed(now: now, jitter: 1)
                lastEnd = now
            case .expire: return (machine, now, lastEnd)
            }
            now = machine.deadline
        }
    }

    @Test(arguments: [60, 120, 300, 3_600])
    func `a set that gets too old ends the long pause after failures`(staleSeconds: Int) {
        var (machine, expiry, lastEnd) = expired(staleSeconds: staleSeconds)
        #expect(expiry == after(staleSeconds * 1_000))
        let due = max(expiry, lastEnd.advanced(byMilliseconds: 10_000))
        #expect(max(machine.deadline, expiry) == due)
        #expect(machine.deadline >= lastEnd.advanced(byMilliseconds: 5_000))
        let action = machine.deadlineReached(now: due)
        #expect(action == .fetch)
        machine.failed(now: due, jitter: 1)
        #expect(machine.deadline == due.advanced(byMilliseconds: 10_000))
    }

    @Test func `a set that gets too old shortly after a fetch does not end the cooldown`() {
        var machine = fetched(staleSeconds: 60)
        _ = machine.deadlineReached(now: after(58_000))
        machine.failed(now: after(58_000), jitter: 1)
        #expect(machine.deadline == after(60_000))
        let action = machine.deadlineReached(now: after(60_000))
        #expect(action == .expire)
        #expect(machine.deadline == after(63_000))
    }

    @Test func `a set is too old in the middle of a fetch that hangs`() {
        var machine = fetched(staleSeconds: 60)
        let refresh = machine.deadlineReached(now: after(59_000))
        #expect(refresh == .fetch)
        #expect(machine.deadline == after(60_000))
        let expired = machine.deadlineReached(now: after(60_000))
        #expect(expired == .expire)
        machine.fetched(freshSeconds: nil, now: after(61_000), jitter: 0)
        // Its age counts from the start of the fetch.
        machine.asked(now: after(62_000))
        #expect(machine.deadline == after(64_000))
    }

    @Test func `a hundred thousand unknown keys are one fetch in five seconds`() {
        var machine = fetched()
        var fetches = 1
        for milliseconds in 0..<100_000 {
            let now = after(milliseconds)
            machine.asked(now: now)
            guard machine.deadline <= now, machine.deadlineReached(now: now) == .fetch else {
                continue
            }
            fetches += 1
            // Half of them fail.
            if fetches.isMultiple(of: 2) {
                machine.failed(now: now, jitter: 0)
            } else {
                machine.fetched(freshSeconds: 0, now: now, jitter: 0)
            }
        }
        #expect(fetches == 20)
    }
}
