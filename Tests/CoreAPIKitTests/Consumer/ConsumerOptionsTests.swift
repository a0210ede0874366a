import Testing

@testable import CoreAPIKit

@Suite struct ConsumerOptionsTests {
    @Test func `pauses double from attempt to attempt, up to the longest, half by chance`() {
        var options = ConsumerOptions()
        options.retryPauseMin = .milliseconds(100)
        options.retryPauseMax = .seconds(1)
        let pauses = { (jitter: Double) in
            [1, 2, 3, 4, 5, 1_000].map {
                options.retryPauseMilliseconds(afterAttempt: $0, jitter: jitter)
            }
        }
        #expect(pauses(1) == [100, 200, 400, 800, 1_000, 1_000])
        #expect(pauses(0) == [50, 100, 200, 400, 500, 500])
    }

    @Test func `the defaults are in their bounds, and each consumer has a name of its own`() {
        let (first, second) = (ConsumerOptions(), ConsumerOptions())
        first.check()
        #expect(first.name != second.name)
        #expect(first.name.hasPrefix("\(ProcessName.host)-\(ProcessName.number)-"))
        #expect(!ProcessName.host.isEmpty)
    }

    @Test func `durations are counted in milliseconds, none below zero`() {
        #expect(Duration.seconds(2).wholeMilliseconds == 2_000)
        #expect(Duration.microseconds(1_999).wholeMilliseconds == 1)
        #expect(Duration.milliseconds(-5).wholeMilliseconds == 0)
    }

    @Test func `it claims at intervals, and looks at other consumers less often`() {
        var options = ConsumerOptions()
        options.visibilityTimeout = .seconds(2)
        let start = MonotonicTime(nanoseconds: 1)
        var schedule = FetchSchedule(options, now: start)
        #expect(schedule.blockMilliseconds == 500)
        let due = stride(from: 0, through: 2_000, by: 250).map {
            schedule.claimIsDue(now: start.advanced(byMilliseconds: $0))
        }
        #expect(due == [true, nil, false, nil, true, nil, false, nil, true])
        options.visibilityTimeout = .seconds(3_600)
        #expect(FetchSchedule(options, now: start).blockMilliseconds == 1_000)
    }

    @Test func `a failure is news once, until it has passed`() {
        var schedule = FetchSchedule(ConsumerOptions(), now: MonotonicTime(nanoseconds: 1))
        let failures: [RedisError] = [.timedOut, .timedOut, .connectionLost]
        let news = failures.map { schedule.failed($0) }
        #expect(news == [true, false, true])
        schedule.succeeded()
        let later = schedule.failed(.connectionLost)
        #expect(later)
        #expect(50...100 ~= schedule.pauseMilliseconds)
        for _ in 0..<10 { _ = schedule.failed(.timedOut) }
        #expect(500...1_000 ~= schedule.pauseMilliseconds)
    }

    @Test(
        arguments: [
            (.timedOut, false), (.connectionLost, false), (.protocolViolation, false),
            (.connectFailed(SystemError(code: 111, call: "connect")), false),
            (.hostNotFound("x"), false), (.closed, true), (.urlInvalid(.scheme), true),
        ] as [(RedisError, Bool)])
    func `what waiting does not mend is thrown`(error: RedisError, isLasting: Bool) {
        #expect(error.isLastingForConsumer == isLasting)
        #expect(ConsumerError(error) == (isLasting ? .refused(error) : .unavailable(error)))
    }

    @Test(
        arguments: [
            ("LOADING x", false), ("READONLY x", false), ("NOSCRIPT x", false), ("BUSY x", false),
            ("OOM x", false), ("MISCONF x", false), ("NOGROUP x", false),
            ("ERR max number of clients reached", false),
            ("ERR Error running script (call to f_1): @user_script:1: -NOGROUP x", false),
            ("WRONGTYPE x", true), ("NOAUTH x", true), ("WRONGPASS x", true), ("NOPERM x", true),
            ("ERR unknown command", true), ("MOVED 1 x", true),
        ])
    func `Redis's refusals pass or last`(message: String, isLasting: Bool) {
        let reply = RedisServerError(message: message)
        #expect(RedisError.server(reply).isLastingForConsumer == isLasting)
    }
}
