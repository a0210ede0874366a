import Testing

@testable import CoreAPIBase

@Suite struct WarningLimitTests {
    @Test func `a failure is logged at once, then once in ten seconds while it lasts`() {
        var limit = WarningLimit()
        let start = MonotonicTime(nanoseconds: 1)
        let told = [0, 1, 9_999, 10_000, 10_001, 50_000].map {
            limit.isDue(now: start.advanced(byMilliseconds: $0))
        }
        #expect(told == [true, false, false, true, false, true])
    }
}
