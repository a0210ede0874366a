import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

@Suite struct RQJobTests {
    private func transaction(_ traceParent: TraceParent? = nil) throws -> Transaction {
        try Transaction(
            id: TransactionID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210),
            amount: try #require(Amount(1_000)),
            currency: try #require(CurrencyCode("USD")), userID: 1,
            createdAt: UnixTime(nanoseconds: 1_636_027_031_123_456_789), traceParent: traceParent)
    }

    private func words(_ command: RedisCommand) throws -> [[String]] {
        let reader = RedisReplyReader()
        reader.feed(command.bytes.span)
        var commands: [[String]] = []
        while case .array(let words)? = try reader.next() {
            commands.append(
                words.map { word in
                    guard case .bulk(let bytes) = word else { return "?" }
                    return String(decoding: bytes, as: UTF8.self)
                })
        }
        return commands
    }

    @Test func `the script's keys and arguments are the job's`() throws {
        let transaction = try transaction()
        let record = TransactionRecord(transaction, nil)
        let command = RQJob(transaction, queue: RQJob.Queue("a b")).command(record)
        #expect(command.replyCount == 1)
        var words = try #require(try words(command).first)
        words[10] = "<data>"
        let id = "01234567-89ab-4def-bedc-ba9876543210"
        #expect(
            words == [
                "EVALSHA", RQJob.script.digest, "4", "core-api:transaction:{rq:queue:a b}:\(id)",
                "rq:job:\(id)", "rq:queue:a b", "rq:queues", "\(id) 1000 USD", "120", id, "<data>",
                "2021-11-04T11:57:11.123456Z",
                "__main__.make_transaction(amount=1000, currency='USD', user_id=1)", "a b",
                "",
            ])
    }

    @Test func `a trace is pickled as the job's meta`() throws {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        var expected: [UInt8] = [0x80, 0x02, 0x7D, 0x28]
        expected += [0x58, 11, 0, 0, 0] + Array("traceparent".utf8)
        expected += [0x58, 55, 0, 0, 0] + Array(trace.utf8)
        expected += [0x75, 0x2E]
        let transaction = try transaction(TraceParent(trace))
        #expect(RQJob(transaction, queue: RQJob.Queue("default")).meta == expected)
    }

    @Test func `the call is pickled by protocol 2, literally`() throws {
        let text = { (text: String) -> [UInt8] in
            [0x58, UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8)
        }
        var expected: [UInt8] = [0x80, 0x02, 0x28]
        expected += text("__main__.make_transaction")
        expected += [0x4E, 0x29, 0x7D, 0x28]
        expected += text("user_id") + [0x4B, 1]
        expected += text("amount") + [0x4D, 0xE8, 0x03]
        expected += text("currency") + text("USD")
        expected += [0x75, 0x74, 0x2E]
        #expect(try RQJob(transaction(), queue: RQJob.Queue("default")).pickle == expected)
    }

    @Test(
        arguments: [
            (0, [0x4B, 0]), (255, [0x4B, 0xFF]), (256, [0x4D, 0, 1]), (65_535, [0x4D, 0xFF, 0xFF]),
            (65_536, [0x4A, 0, 0, 1, 0]), (2_147_483_647, [0x4A, 0xFF, 0xFF, 0xFF, 0x7F]),
            (2_147_483_648, [0x8A, 5, 0, 0, 0, 0x80, 0]),
            (549_755_813_887, [0x8A, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]),
            (549_755_813_888, [0x8A, 6, 0, 0, 0, 0, 0x80, 0]),
            (9_007_199_254_740_991, [0x8A, 7, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F]),
        ] as [(Int, [UInt8])])
    func `an integer takes the narrowest opcode`(value: Int, bytes: [UInt8]) {
        var pickle: [UInt8] = []
        pickle.append(addingCapacity: 16) { Pickle.append(value, to: &$0) }
        #expect(pickle == bytes)
        #expect(Pickle.integerLength(value) == bytes.count)
    }

    @Test func `a stream entry's call has its record, its stream and its values`() throws {
        let transaction = try transaction()
        let record = TransactionRecord(transaction, IdempotencyKey("k"))
        let command = StreamEntry(transaction).command(key: "a:b", record)
        let id = "01234567-89ab-4def-bedc-ba9876543210"
        #expect(
            try words(command) == [
                [
                    "EVALSHA", StreamEntry.script.digest, "2", "core-api:idempotency:{a:b}:1:k",
                    "a:b",
                    "\(id) 1000 USD", "86400", id, "1000", "USD", "1",
                    "2021-11-04T11:57:11.123456Z", "",
                ]
            ])
    }

    @Test func `a record that was there is our own attempt, a replay, or another transaction`()
        throws
    {
        let transaction = try transaction()
        let record = TransactionRecord(transaction, IdempotencyKey("k"))
        #expect(try record.outcome(found: record.text) == .enqueued)
        let other = TransactionID.random()
        #expect(
            try record.outcome(found: Array("\(other) 1000 USD".utf8)) == .replayed(other))
        for text in ["\(other) 1001 USD", "\(other) 1000 EUR", "\(other) 100 USD", "\(other)"] {
            #expect(throws: QueueError.idempotencyKeyReused) {
                try record.outcome(found: Array(text.utf8))
            }
        }
        #expect(throws: QueueError.outcomeUnknown(.protocolViolation)) {
            try record.outcome(found: Array("something else".utf8))
        }
    }

    @Test func `a reply of 1 alone says that the transaction is enqueued`() throws {
        let record = TransactionRecord(try transaction(), IdempotencyKey("k"))
        #expect(try EnqueueOutcome(reply: .integer(1), record) == .enqueued)
        #expect(try EnqueueOutcome(reply: .bulk(record.text), record) == .enqueued)
        for reply in [
            .integer(0), .integer(-1), .integer(2), .integer(.max), .status(Array("OK".utf8)),
            .null, .array([]), .array([.integer(1)]), .bulk([]),
        ] as [RedisReply] {
            #expect(throws: QueueError.outcomeUnknown(.protocolViolation), "\(reply)") {
                try EnqueueOutcome(reply: reply, record)
            }
        }
    }
}
