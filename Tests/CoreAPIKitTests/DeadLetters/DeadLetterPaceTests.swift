import CoreAPIBase
import Testing

@testable import CoreAPIKit

/// The pauses of a walk: their lower bounds alone, which no slow machine breaks.
@Suite(.timeLimit(.minutes(10))) struct DeadLetterPaceTests {
    @Test func `what a page takes is owed, and a longer walk pauses three times as long`() async {
        let pace = DeadLetterPace()
        let began = await pace.next()
        // Three times 60 ms may be owed: of 80 ms, 60 ms of pause are left.
        pace.ended(since: MonotonicTime.now().before(milliseconds: 80))
        let next = await pace.next()
        #expect(next.nanoseconds(since: began) >= 60_000_000)
    }

    @Test func `the pauses of two commands at once add up`() async {
        let pace = DeadLetterPace()
        let began = await pace.next()
        pace.ended(since: MonotonicTime.now().before(milliseconds: 40))
        pace.ended(since: MonotonicTime.now().before(milliseconds: 40))
        #expect(await pace.next().nanoseconds(since: began) >= 60_000_000)
    }
}
