import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

@Suite struct RQJobTests {
    private func transaction(
        _ traceParent: TraceParent? = nil, _ traceState: TraceState? = nil
    ) throws -> Transaction {
        try Transaction(
            id: TransactionID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210),
            amount: try #require(Amount(1_000)),
            currency: try #require(CurrencyCode("USD")), userID: 1,
            createdAt: UnixTime(nanoseconds: 1_636_027_031_123_456_789), traceParent: traceParent,
            traceState: traceState)
    }

    /// The words that `add` adds to a batch.
    private func words(_ add: (inout RedisCommand) -> Void) throws -> [String] {
        var added = RedisCommand()
        add(&added)
        let reader = RedisReplyReader()
        reader.feed(added.bytes.span)
        var words: [String] = []
        while case .bulk(let word)? = try reader.next() {
            words.append(String(decoding: word, as: UTF8.self))
        }
        return words
    }

    private let format = RQJobFormat(RQKeys(name: "a b"), function: RQJobOptions().function)

    private let id = "01234567-89ab-4def-bedc-ba9876543210"

    @Test func `a job has its keys and words in a batch`() throws {
        let transaction = try transaction()
        let tag = Array("{rq:queue:a b}".utf8)
        for (key, keys, text) in [
            (nil, [], []),
            (IdempotencyKey("k"), ["core-api:idempotency:{rq:queue:a b}:1:k"], ["\(id) 1000 USD"]),
        ] as [(IdempotencyKey?, [String], [String])] {
            let record = TransactionRecord(transaction, key)
            let job = RQJob(transaction, format)
            let added = try words { added in
                let count = job.addKey(record, to: &added) + record.addKey(of: tag, to: &added)
                #expect(count == 1 + keys.count)
            }
            #expect(added == ["rq:job:\(id)"] + keys)
            var words = try words { #expect(job.addWords(record, to: &$0) == 4 + text.count) }
            words[1] = "<data>"
            #expect(
                words == [
                    id, "<data>", "2021-11-04T11:57:11.123456Z",
                    "__main__.make_transaction(amount=1000, currency='USD', user_id=1)",
                ] + text)
        }
    }

    @Test func `a trace is pickled as the job's meta`() throws {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        var expected: [UInt8] = [0x80, 0x02, 0x7D, 0x28]
        expected += [0x58, 11, 0, 0, 0] + Array("traceparent".utf8)
        expected += [0x58, 55, 0, 0, 0] + Array(trace.utf8)
        expected += [0x75, 0x2E]
        let transaction = try transaction(TraceParent(trace))
        #expect(RQJob(transaction, format).meta == expected)
        expected.removeLast(2)
        expected += [0x58, 10, 0, 0, 0] + Array("tracestate".utf8)
        expected += [0x58, 7, 0, 0, 0] + Array("a=1,b=2".utf8)
        expected += [0x75, 0x2E]
        let stated = try self.transaction(TraceParent(trace), TraceState("a=1,b=2"))
        #expect(RQJob(stated, format).meta == expected)
        #expect(RQJob(try self.transaction(nil, TraceState("a=1")), format).meta.isEmpty)
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
        #expect(try RQJob(transaction(), format).pickle == expected)
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

    @Test func `an entry has its record's key and its words in a batch`() throws {
        let transaction = try transaction()
        let record = TransactionRecord(transaction, IdempotencyKey("k"))
        let keys = try words { #expect(record.addKey(of: Array("{a:b}".utf8), to: &$0) == 1) }
        #expect(keys == ["core-api:idempotency:{a:b}:1:k"])
        let words = try words { #expect(StreamEntry.addWords(transaction, record, to: &$0) == 6) }
        #expect(
            words == [
                id, "1000", "USD", "1", "2021-11-04T11:57:11.123456Z", "\(id) 1000 USD",
            ])
        var none = RedisCommand()
        #expect(TransactionRecord(transaction, nil).addKey(of: [], to: &none) == 0)
        #expect(none.bytes.isEmpty)
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
        for text in ["\(other) 1001 USD", "\(other) 1000 EUR", "\(other) 100 USD"] {
            #expect(throws: QueueError.idempotencyKeyReused) {
                try record.outcome(found: Array(text.utf8))
            }
        }
        // Another program's text, which is no reason to take another key.
        for text in [
            "", "x", "something else", "\(other)", "\(other) ", "\(other) 1000", "\(other) USD",
            "\(other) 1000 USD ", "\(other) 1000 USD extra", "\(other) 01000 USD",
            "\(other) 1000 usd", "\(other)  1000 USD", "\(other)-1000 USD", "\(other) 10.00 USD",
        ] {
            #expect(throws: QueueError.unavailable(.protocolViolation)) {
                try record.outcome(found: Array(text.utf8))
            }
        }
    }
}
