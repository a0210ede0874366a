import CoreAPIBase
import Testing

@testable import CoreAPIKit

/// The rounds in which the partitions of a cluster are polled.
@Suite(.timeLimit(.minutes(10))) struct ConsumerPollingTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func after(_ milliseconds: Int) -> MonotonicTime {
        start.advanced(byMilliseconds: milliseconds)
    }

    @Test func `a round asks for no more than there is room, and the next goes on behind it`() {
        let polling = ConsumerPolling(5)
        var seen: [Int] = []
        for _ in 0..<5 {
            let turns = polling.take(room: 2, now: start)
            #expect(turns.map(\.countMax) == [1, 1])
            seen += turns.map(\.partition)
            for turn in turns { polling.answered(turn.partition, isEmpty: false) }
        }
        #expect(seen == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
    }

    @Test func `the room is divided among few partitions`() {
        let turns = ConsumerPolling(3).take(room: 17, now: start)
        #expect(turns.map(\.partition) == [0, 1, 2])
        #expect(turns.map(\.countMax) == [5, 5, 5])
    }

    @Test func `there is a pause only after all partitions had nothing`() {
        let polling = ConsumerPolling(3)
        for (partition, isEmpty, pause) in [
            (0, true, 0), (1, false, 0), (2, true, 0), (0, true, 0), (1, true, 21), (2, true, 0),
        ] {
            #expect(polling.take(room: 1, now: after(partition)).map(\.partition) == [partition])
            polling.answered(partition, isEmpty: isEmpty)
            #expect(polling.takePause(now: after(6)) == pause)
        }
    }

    @Test func `after a slow look at all partitions there is a short pause nevertheless`() {
        let polling = ConsumerPolling(1)
        _ = polling.take(room: 1, now: start)
        polling.answered(0, isEmpty: true)
        #expect(polling.takePause(now: after(10_000)) == 5)
    }

    @Test func `a partition that has not answered is left out until it has`() async {
        let polling = ConsumerPolling(2)
        #expect(polling.take(room: 2, now: start).map(\.partition) == [0, 1])
        polling.answered(1, isEmpty: true)
        // Ends by its time, since partition 0 does not answer.
        await polling.roundEnds()
        #expect(polling.take(room: 2, now: start).map(\.partition) == [1])
        polling.answered(1, isEmpty: true)
        await polling.roundEnds()
        #expect(polling.takePause(now: start) > 0)
        polling.answered(0, isEmpty: true)
        await polling.end()
        #expect(Set(polling.take(room: 2, now: start).map(\.partition)) == [0, 1])
    }

    @Test func `if no partition answers, there is a pause and no round`() async {
        let polling = ConsumerPolling(2)
        _ = polling.take(room: 2, now: start)
        await polling.roundEnds()
        #expect(polling.take(room: 2, now: start).isEmpty)
        await polling.roundEnds()
        #expect(polling.takePause(now: start) > 0)
    }

    @Test func `each partition is claimed from once in a period`() {
        let polling = ConsumerPolling(2)
        #expect(polling.claims(0, period: 1))
        #expect(!polling.claims(0, period: 1))
        #expect(polling.claims(1, period: 1))
        #expect(polling.claims(0, period: 2))
    }
}
