import Testing

@testable import CoreAPIBase

@Suite(.timeLimit(.minutes(10))) struct TurnBudgetTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000)

    @Test func `the clock is read after every few calls, and not again once the time is over`() {
        var budget = TurnBudget(at: start)
        var readings = 0
        let late = MonotonicTime(nanoseconds: start.nanoseconds + TurnBudget.nanoseconds)
        func call(at now: MonotonicTime) -> Bool {
            budget.called {
                readings += 1
                return now
            }
        }
        for number in 1...(2 * TurnBudget.callsPerReading) {
            #expect(!call(at: start))
            #expect(readings == number / TurnBudget.callsPerReading)
        }
        for _ in 1..<TurnBudget.callsPerReading { #expect(!call(at: late)) }
        #expect(call(at: late))
        #expect(call(at: start))
        #expect(readings == 3)
        budget = TurnBudget(at: late)
        #expect(!budget.isSpent)
        #expect(!call(at: late))
    }

    /// Uses up the budget in each turn and records when it was called.
    private final class Slow: EventHandler, @unchecked Sendable {
        private let name: Int
        private let log: Log
        let deadline = MonotonicTime.never

        init(_ name: Int, _ log: Log) {
            self.name = name
            self.log = log
        }

        func proceed() {
            let end = MonotonicTime.now().nanoseconds + TurnBudget.nanoseconds
            while MonotonicTime.now().nanoseconds < end {}
            log.proceeded.append(name)
        }

        func deadlineReached(now: MonotonicTime) {}
    }

    /// The record of calls on the loop's thread.
    private final class Log: @unchecked Sendable {
        var proceeded: [Int] = []
        var proceededBefore: Int?
    }

    @Test func `handlers that take long are called in order, and others between them`() async throws
    {
        let loop = try EventLoop()
        try Thread.start { loop.run() }
        defer { loop.stop() }
        let log = Log()
        await Suspension<Void>.value { done in
            loop.submit {
                for name in 0..<100 { loop.requestTurn(Slow(name, log)) }
                // The submission arrives through the inbox, whose descriptor is polled once per
                // turn.
                loop.submit {
                    log.proceededBefore = log.proceeded.count
                    done.resume(returning: ())
                }
            }
        }
        await Suspension<Void>.value { done in
            @Sendable func wait() {
                if log.proceeded.count == 100 { return done.resume(returning: ()) }
                loop.submit { wait() }
            }
            loop.submit { wait() }
        }
        #expect(try #require(log.proceededBefore) < 100)
        #expect(log.proceeded == Array(0..<100))
    }
}
