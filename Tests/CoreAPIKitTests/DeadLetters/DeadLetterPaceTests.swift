import CoreAPIBase
import Testing

@testable import CoreAPIKit

/// The pauses of a walk: their lower bounds alone, which no slow machine breaks.
@Suite(.timeLimit(.minutes(10))) struct DeadLetterPaceTests {
    @Test func `a pause is three times as long as the command before it`() async {
        let pace = DeadLetterPace()
        let began = await pace.next()
        pace.ended(since: began.before(milliseconds: 20))
        let next = await pace.next()
        #expect(next.nanoseconds(since: began) >= 60_000_000)
    }

    @Test func `of two commands at once the longer pause counts`() async {
        let pace = DeadLetterPace()
        let began = await pace.next()
        pace.ended(since: began.before(milliseconds: 20))
        pace.ended(since: .now())
        #expect(await pace.next().nanoseconds(since: began) >= 60_000_000)
    }
}
