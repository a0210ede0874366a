import Testing

@testable import CoreAPIKit

/// The rate of a user, in time that the test makes.
@Suite struct UserRateTests {
    private let start = 1_800_000_000_000_000

    private func limit(_ count: Int, _ seconds: Int) throws -> RateLimit {
        try RateLimit(count: count, seconds: seconds)
    }

    private func takes(_ rate: inout UserRate, _ limit: RateLimit, _ now: Int) -> Bool {
        rate.take(limit, now: now)
    }

    private func takes(_ rates: inout UserRates, _ user: Int, _ now: Int) -> Bool {
        rates.take(user, now: now)
    }

    @Test(arguments: [(1, 1), (2, 60), (3, 1), (7, 10), (100, 60), (100_000, 86_400), (100_000, 1)])
    func `the count may come at once, then one for each part of the time`(
        count: Int, seconds: Int
    ) throws {
        let limit = try limit(count, seconds)
        var rate = UserRate(now: start)
        for number in 1...count {
            #expect(takes(&rate, limit, start))
            #expect(rate.allowance(limit, now: start).remaining == count - number)
        }
        #expect(!takes(&rate, limit, start))
        // The n-th further one comes after n parts of the time, to the microsecond.
        for number in [1, 2, 3, count, 10 * count] {
            let due = start + (number * limit.window + count - 1) / count
            var later = UserRate(now: start)
            for _ in 0..<count { _ = later.take(limit, now: start) }
            #expect(later.allowance(limit, now: due).remaining == min(number, count))
            #expect(later.allowance(limit, now: due - 1).remaining == min(number - 1, count))
        }
    }

    @Test func `over any time no more than the limit and its beginning are accepted`() throws {
        let limit = try limit(7, 3)
        var rate = UserRate(now: start)
        var generator = SplitMix(state: 42)
        var now = start
        var accepted: [Int] = []
        for _ in 0..<20_000 {
            now += Int(generator.next() % 300_000)
            if rate.take(limit, now: now) { accepted.append(now) }
        }
        for index in accepted.indices.dropFirst(14) {
            // 15 need at least the time of 8 after the first 7.
            #expect(accepted[index] - accepted[index - 14] >= 8 * limit.window / 7)
        }
        // And no less: a part of the time frees one.
        let expected = (now - start) * 7 / limit.window
        #expect(accepted.count >= expected - 7 && accepted.count <= expected + 7)
    }

    @Test func `a refusal says when the next one is accepted, in whole seconds`() throws {
        let limit = try limit(2, 60)
        var rate = UserRate(now: start)
        _ = rate.take(limit, now: start)
        #expect(rate.allowance(limit, now: start) == RateAllowance(remaining: 1, seconds: 30))
        _ = rate.take(limit, now: start)
        #expect(rate.allowance(limit, now: start) == RateAllowance(remaining: 0, seconds: 30))
        let later = start + 29_500_000
        #expect(!takes(&rate, limit, later))
        #expect(rate.allowance(limit, now: later) == RateAllowance(remaining: 0, seconds: 1))
        #expect(takes(&rate, limit, start + 30_000_000))
    }

    @Test func `a clock that goes back lets nobody wait for longer than the time`() throws {
        let limit = try limit(2, 60)
        var rate = UserRate(now: start)
        for _ in 0..<2 { _ = rate.take(limit, now: start) }
        let before = start - 3_600_000_000
        #expect(!takes(&rate, limit, before))
        #expect(rate.allowance(limit, now: before).remaining == 0)
        #expect(takes(&rate, limit, before + 30_000_000))
    }

    @Test func `each user has a rate, and those that are over are removed`() throws {
        var rates = UserRates(try limit(1, 1))
        for user in 0..<5_000 { #expect(takes(&rates, user, start + user * 1_000)) }
        #expect(!takes(&rates, 4_999, start + 5_000_000))
        #expect(takes(&rates, 0, start + 5_000_000))
    }

    @Test func `the numbers of a limit have bounds`() {
        for (count, seconds) in [(0, 1), (-1, 1), (100_001, 1), (1, 0), (1, 86_401)] {
            #expect(throws: (any Error).self) { try limit(count, seconds) }
        }
    }

    // MARK: - Answers

    private func answer(_ text: String) -> RateLimitAnswer? { RateLimitAnswer(Array(text.utf8)) }

    @Test func `what a script tells is read`() {
        #expect(answer("A 99 1")?.state == .applied)
        #expect(answer("A 99 1")?.allowance == RateAllowance(remaining: 99, seconds: 1))
        #expect(answer("L 0 30")?.state == .limited)
        #expect(answer("F 7 2 id 100 USD")?.record == Array("id 100 USD".utf8))
        for text in ["", "A", "A 1", "A x 1", "A 1 x", "B 1 1", "A 1 1 x", "F 1 1", "AA 1 1"] {
            #expect(answer(text) == nil, "\(text)")
        }
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
