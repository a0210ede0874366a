import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

/// How the probes' parsers handle replies, also replies that Redis never sends.
@Suite struct QueueStatusTests {
    private let now = UnixTime(seconds: 1_700_000_000)

    private static func text(_ text: String) -> RedisReply { .bulk(Array(text.utf8)) }

    /// Numbers, and texts in quotation marks' stead.
    private static func reply(_ parts: Any...) -> RedisReply {
        .array(
            parts.map { part in
                switch part {
                case let number as Int: .integer(Int64(number))
                case let words as String: text(words)
                case let reply as RedisReply: reply
                default: .null
                }
            })
    }

    private static func status(
        _ depth: Int?, _ age: Int?, _ workers: (alive: Int, registered: Int)? = nil,
        isWrongType: Bool = false
    ) -> QueueStatus {
        var status = QueueStatus()
        status.depth = depth
        status.oldestAgeSeconds = age
        status.workers = workers.map {
            QueueStatus.Workers(alive: $0.alive, registered: $0.registered)
        }
        status.isWrongType = isWrongType
        return status
    }

    // MARK: - Streams

    /// Ten seconds before `now`.
    private static let ten = "1699999990000-0"

    @Test(
        arguments: [
            (reply(0, 0, 0), status(0, 0, (0, 0))),
            (reply(7, 0, ten), status(7, 10, (0, 0))),
            (reply(-2, -1, -1), status(nil, nil, isWrongType: true)),
            (reply(-1, -1, -1), status(nil, nil)),
            (reply(7, 1, -1, 3, 4, ten, 1, 2), status(7, 10, (1, 2))),
            (reply(7, 1, -1, 0, 0, 0, 0, 0), status(0, 0, (0, 0))),
            // XGROUP CREATE … ENTRIESREAD 1000 makes a lag of less than nothing.
            (reply(7, 1, -1, 3, -998, ten, 1, 2), status(nil, 10, (1, 2))),
            (reply(7, 1, -1, Int.max, 1, ten, 1, 2), status(nil, 10, (1, 2))),
            (reply(7, 1, -1, Int.min, Int.min, ten, 1, 2), status(nil, 10, (1, 2))),
            (reply(7, 1, -1, 1, 1, ten, -1, -1), status(2, 10)),
            (reply(7, 1, -1, 1, 1, ten, Int.min, 2), status(2, 10)),
            // Of two groups, the worst.
            (reply(7, 2, -1, 3, 4, ten, 5, 5, 0, 0, 0, 1, 1), status(7, 10, (1, 1))),
            // Too many groups: nothing of them.
            (reply(7, 33, -1), status(nil, nil)),
            // A reply that ends within a group.
            (reply(7, 1, -1, 3, 4, ten, 1), status(nil, nil)),
            (reply(Int.min, 0, 0), status(nil, nil)), (reply(7, Int.max, 0), status(nil, nil)),
            (reply(7, Int.min, 0), status(nil, nil)),
        ])
    func `a stream's status has Redis's figures, and no impossible one`(
        reply: RedisReply, expected: QueueStatus
    ) {
        #expect(QueueStatus(stream: reply, now: now) == expected)
    }

    @Test(
        arguments: [
            ("1700000000000-0", 0), ("1699999999000-18446744073709551615", 1),
            ("0-1", 1_700_000_000),
            // In the future: its clock is ahead.
            ("1700000100000-0", 0), ("18446744073709551615-18446744073709551615", 0),
            ("9223372036854775808-0", 0),
            ("18446744073709551616-0", nil), ("-1-0", nil), ("-0", nil), ("", nil), ("1", nil),
            ("x-0", nil), ("1 -0", nil),
        ] as [(String, Int?)])
    func `an entry's age is that of its id`(id: String, age: Int?) {
        let reply = QueueStatusTests.reply(1, 0, id)
        #expect(QueueStatus(stream: reply, now: now).oldestAgeSeconds == age)
    }

    // MARK: - python-rq

    private static func time(_ secondsAgo: Int64) -> String {
        UnixTime(seconds: 1_700_000_000 - secondsAgo).timestamp
    }

    @Test(
        arguments: [
            (reply(0, 0, 0), status(0, 0, (0, 0))),
            (reply(3, time(10), 2, time(480), time(481)), status(3, 10, (1, 2))),
            (reply(3, time(-10), 1, time(-10)), status(3, 0, (1, 1))),
            (reply(3, "2261-12-31T23:59:59Z", 1, 0), status(3, 0, (0, 1))),
            (reply(3, "9999-12-31T23:59:59Z", 1, 0), status(3, nil, (0, 1))),
            (reply(3, "yesterday", 1, "never"), status(3, nil)),
            (reply(-2, -1, 0), status(nil, nil, (0, 0), isWrongType: true)),
            (reply(-1, -1, -1), status(nil, nil)), (reply(3, -1, -1), status(3, nil)),
            (reply(3, 0, 1, -1), status(3, 0)),
            (reply(Int.min, 0, Int.min), status(nil, 0)),
            (reply(Int.max, Int.max, Int.max), status(Int.max, nil, (0, Int.max))),
        ])
    func `an rq queue's status has Redis's figures, and no impossible one`(
        reply: RedisReply, expected: QueueStatus
    ) {
        #expect(QueueStatus(rq: reply, silenceSecondsMax: 480, now: now) == expected)
    }

    // MARK: - Both

    private static let hostile: [RedisReply] = [
        .null, .integer(.min), .integer(.max), .status([]), .bulk([]), .array([]),
        .error(RedisServerError(message: "ERR x")), .array([.null, .null, .null]),
        .array([.integer(1)]), .array([.array([]), .array([.integer(1)]), .bulk([0xFF, 0])]),
        .array([
            .error(RedisServerError(message: "ERR")), .error(RedisServerError(message: "ERR")),
            .integer(1), .error(RedisServerError(message: "ERR")),
        ]),
    ]

    @Test(arguments: hostile)
    func `a reply of another form says nothing`(reply: RedisReply) {
        #expect(QueueStatus(stream: reply, now: now) == QueueStatus())
        let jobs = QueueStatus(rq: reply, silenceSecondsMax: 480, now: now)
        #expect(jobs.depth == nil && jobs.oldestAgeSeconds == nil && jobs.workers == nil)
        for kind in [QueueProbe.Kind.rq(RQKeys(name: "q")), .stream(StreamPartitions(key: "s"))] {
            let access = QueueAccess(reply: reply, kind)
            #expect(!access.isWrongType && access.deniedCommand == nil)
            #expect(access.missingCommand == nil)
        }
    }

    @Test(
        arguments: [
            (0, 0, nil), (1, 0, nil), (0, 1, "set"), (0, 4, "get"), (1, 5, "xadd"),
            (0, 6, "set"), (0, 7, "barrier"), (0, 8, nil), (0, -1, nil), (0, Int.max, nil),
            (0, Int.min, nil),
            (Int.min, 1, "set"),
        ] as [(Int, Int, String?)])
    func `a right that is missing is named by its number`(wrong: Int, number: Int, name: String?) {
        let reply = QueueStatusTests.reply(wrong, number)
        let access = QueueAccess(reply: reply, .stream(StreamPartitions(key: "s")))
        #expect(access.isWrongType == (wrong == 1))
        #expect(access.deniedCommand == name)
        #expect(access.missingCommand == nil)
    }

    @Test(
        arguments: [
            (1_001, "set"), (1_007, "barrier"), (1_101, "set"), (1_107, "expire"), (1_000, nil),
            (1_008, nil), (2_007, nil),
        ] as [(Int, String?)])
    func `a command that Redis does not have is no missing right`(number: Int, name: String?) {
        let reply = QueueStatusTests.reply(0, number)
        let access = QueueAccess(reply: reply, .stream(StreamPartitions(key: "s")))
        #expect(access.deniedCommand == nil)
        #expect(access.missingCommand == name)
    }

    @Test func `the last refusal of a transaction counts until a success or its expiry`() {
        let refusals = QueueRefusals()
        let start = MonotonicTime.now()
        let refusal = RedisError.server(RedisServerError(message: "OOM x"))
        #expect(refusals.current(now: start) == nil)
        for error in [RedisError.timedOut, .connectionLost, .backlogFull, .closed] {
            refusals.record(.failure(.unavailable(error)))
            refusals.record(.failure(.outcomeUnknown(error)))
        }
        refusals.record(.failure(.full))
        #expect(refusals.current(now: start) == nil)
        refusals.refused(refusal, now: start)
        #expect(refusals.current(now: start.advanced(byMilliseconds: 4_999)) == refusal)
        #expect(refusals.current(now: start.advanced(byMilliseconds: 5_000)) == nil)
        for success in [
            .success(.enqueued), .failure(.idempotencyKeyReused),
        ] as [Result<EnqueueOutcome, QueueError>] {
            refusals.record(.failure(.unavailable(refusal)))
            #expect(refusals.current(now: .now()) == refusal)
            refusals.record(success)
            #expect(refusals.current(now: .now()) == nil)
        }
        refusals.record(.failure(.outcomeUnknown(.durabilityNotReached)))
        #expect(refusals.current(now: .now()) == .durabilityNotReached)
        refusals.record(.failure(.outcomeUnknown(.protocolViolation)))
        #expect(refusals.current(now: .now()) == .protocolViolation)
    }

    @Test func `what one transaction's own keys hold says nothing of Redis`() {
        let refusals = QueueRefusals()
        let type = RedisError.server(RedisServerError(message: "WRONGTYPE x"))
        refusals.record(.failure(.unavailable(type)))
        refusals.record(.failure(.unavailable(.protocolViolation)))
        #expect(refusals.current(now: .now()) == nil)
        // Nor does it end the refusal of another transaction.
        let full = RedisError.server(RedisServerError(message: "OOM x"))
        refusals.record(.failure(.unavailable(full)))
        refusals.record(.failure(.unavailable(.protocolViolation)))
        #expect(refusals.current(now: .now()) == full)
    }
}
