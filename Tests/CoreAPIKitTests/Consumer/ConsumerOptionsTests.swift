import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

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

    @Test func `the defaults are in their bounds, and each consumer has a name of its own`() throws
    {
        let (first, second) = (ConsumerOptions(), ConsumerOptions())
        try first.check()
        #expect(first.name != second.name)
        #expect(first.name.hasPrefix("\(ProcessName.host)-\(ProcessName.number)-"))
        #expect(!ProcessName.host.isEmpty)
    }

    @Test func `durations are whole milliseconds, and 0 if negative`() {
        #expect(Duration.seconds(2).wholeMilliseconds == 2_000)
        #expect(Duration.microseconds(1_999).wholeMilliseconds == 1)
        #expect(Duration.milliseconds(-5).wholeMilliseconds == 0)
        #expect(Duration.seconds(Int64.max).wholeMilliseconds == .max)
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

    @Test func `the pause grows with each failure, up to a second, until one has passed`() {
        var schedule = FetchSchedule(ConsumerOptions(), now: MonotonicTime(nanoseconds: 1))
        let milliseconds = RedisLimits().backoff.millisecondsMin
        #expect(milliseconds / 2...milliseconds ~= schedule.failed())
        for _ in 0..<10 { _ = schedule.failed() }
        #expect(500...1_000 ~= schedule.failed())
        schedule.succeeded()
        #expect(milliseconds / 2...milliseconds ~= schedule.failed())
    }

    @Test(
        arguments: [
            (.timedOut, false), (.connectionLost, false), (.protocolViolation, false),
            (.connectFailed(SystemError(code: 111, call: "connect")), false),
            (.hostNotFound("x"), false), (.loginUnanswered, false), (.backlogFull, false),
            (.tlsFailed(.ended), false), (.durabilityNotReached, false),
            (.closed, true), (.urlInvalid(.scheme), true),
        ] as [(RedisError, Bool)])
    func `a lasting error is thrown`(error: RedisError, isLasting: Bool) {
        #expect(error.isLastingForConsumer == isLasting)
        #expect(ConsumerError(error) == (isLasting ? .refused(error) : .unavailable(error)))
    }

    @Test(
        arguments: [
            ("LOADING x", false), ("READONLY x", false), ("NOSCRIPT x", false), ("BUSY x", false),
            ("OOM x", false), ("MISCONF x", false), ("NOGROUP x", false),
            ("ERR max number of clients reached", false),
            ("ERR Error running script (call to f_1): @user_script:1: -NOGROUP x", false),
            ("ERR unknown command", false), ("MOVED 1 x", false), ("CROSSSLOT x", false),
            ("ERR no such key script: 12, on @user_script:9.", false), ("", false),
            ("ERR Error running script (call to f_1): @user_script:1: ERR no such key", false),
            ("ERR Invalid stream ID specified as stream command argument", false),
            ("ERR DB index is out of range", false), ("BUSYGROUP x", false),
            ("TRYAGAIN x", false), ("CLUSTERDOWN x", false), ("EXECABORT x", false),
            ("WRONGTYPE x", true), ("NOAUTH x", true), ("WRONGPASS x", true), ("NOPERM x", true),
            // A right that a script lacks, as Redis 6.2, 7.0, 7.2 and Valkey have it.
            (
                "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: "
                    + "The user executing the script can't run this command or subcommand", true
            ),
            (
                "ERR The user executing the script can't access at least one of the keys "
                    + "mentioned in the command arguments script: 12, on @user_script:9.", true
            ),
            (
                "ERR ACL failure in script: User x has no permissions to run the 'time' command",
                true
            ),
            ("NOPERM ACL failure in script: User x has no permissions to run 'xack'", true),
            ("ERR Error running script (call to f_1): @user_script:1: -WRONGTYPE x", true),
        ])
    func `Redis's refusals pass or last`(message: String, isLasting: Bool) {
        let reply = RedisServerError(message: message)
        #expect(RedisError.server(reply).isLastingForConsumer == isLasting)
        #expect(RedisError.refused(reply).isLastingForConsumer == isLasting)
    }

    @Test func `no more of Redis's words is kept than a log can bear`() {
        let reply = RedisServerError(message: "WRONGTYPE " + String(repeating: "é", count: 600_000))
        #expect(reply.kind == .wrongType)
        #expect(reply.message.utf8.count <= 1_026)
        #expect(reply.message.hasPrefix("WRONGTYPE éé"))
    }
}
