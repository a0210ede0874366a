import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

@Suite struct StreamEntryDecodingTests {
    private static let id = "01234567-89ab-4def-bedc-ba9876543210"
    private static let fields = [
        ("id", id), ("amount", "1000"), ("currency", "USD"), ("user_id", "1"),
        ("created_at", "2021-11-04T11:57:11.123456Z"),
    ]

    private func words(_ fields: [(String, String)]) -> [RedisReply] {
        fields.flatMap { [.bulk(Array($0.utf8)), .bulk(Array($1.utf8))] }
    }

    private func decode(_ fields: [(String, String)]) throws(StreamEntryFlaw) -> Transaction {
        try StreamEntry.decode(words(fields))
    }

    @Test func `an entry that a queue has written decodes to the same transaction`() throws {
        for (amount, user, nanoseconds) in [
            (1, 0, 0), (1_000, 1, 1_636_027_031_123_456_000),
            (9_007_199_254_740_991, 9_007_199_254_740_991, 9_214_646_399_999_999_000),
        ] as [(Int, Int, Int64)] {
            let transaction = try Transaction(
                id: .random(), amount: try #require(Amount(amount)),
                currency: try #require(CurrencyCode("JPY")), userID: user,
                createdAt: UnixTime(nanoseconds: nanoseconds),
                traceParent: amount == 1
                    ? nil : TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
            var words = RedisCommand()
            let count = StreamEntry.addWords(
                transaction, TransactionRecord(transaction, nil), to: &words)
            #expect(count == (amount == 1 ? 5 : 6))
            var entry = RedisCommand()
            entry.begin(wordCount: count)
            entry.append(words)
            let reader = RedisReplyReader()
            reader.feed(entry.bytes.span)
            guard case .array(let words)? = try reader.next() else {
                Issue.record("no command")
                continue
            }
            let names = StreamEntry.Field.allCases.map { RedisReply.bulk(Array($0.rawValue.utf8)) }
            let decoded = try StreamEntry.decode(zip(names, words).flatMap { [$0, $1] })
            #expect(decoded == transaction)
        }
    }

    @Test func `unknown fields are ignored, and fields may have any order`()
        throws
    {
        let other = words([("x", "y"), ("x", "z"), ("", "")]) + [.bulk([0xFF]), .bulk([0xFE])]
        let all = other + words(StreamEntryDecodingTests.fields.reversed())
        #expect(
            try StreamEntry.decode(all).id.description == StreamEntryDecodingTests.id)
    }

    @Test func `an invalid trace context is ignored`() throws {
        let fields = StreamEntryDecodingTests.fields
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        #expect(try decode(fields + [("traceparent", parent)]).traceParent?.description == parent)
        #expect(try decode(fields + [("traceparent", "x")]).traceParent == nil)
        let state = [("traceparent", parent), ("tracestate", "a=1,b=2")]
        #expect(try decode(fields + state).traceState?.description == "a=1,b=2")
        #expect(
            try decode(fields + [("traceparent", parent), ("tracestate", "=")]).traceState == nil)
        #expect(try decode(fields + [("tracestate", "a=1")]).traceState == nil)
        let noText = words(fields) + [.bulk(Array("traceparent".utf8)), .bulk([0xFF])]
        #expect(try StreamEntry.decode(noText).traceParent == nil)
    }

    @Test func `each field is needed once`() {
        for (index, field) in StreamEntryDecodingTests.fields.enumerated() {
            let name = StreamEntry.Field(rawValue: field.0)
            var fields = StreamEntryDecodingTests.fields
            fields.remove(at: index)
            let flaw = #expect(throws: StreamEntryFlaw.self) { try decode(fields) }
            #expect(flaw == name.map { .missing($0) })
            #expect(flaw?.description == "\(field.0) is missing")
            let twice = StreamEntryDecodingTests.fields + [field]
            let other = #expect(throws: StreamEntryFlaw.self) { try decode(twice) }
            #expect(other == name.map { .twice($0) })
        }
    }

    @Test(
        arguments: [
            ("id", ""), ("id", "x"), ("id", "01234567-89AB-4def-bedc-ba9876543210"),
            ("amount", ""), ("amount", "0"), ("amount", "-1"), ("amount", "+1"), ("amount", "01"),
            ("amount", "1.0"), ("amount", "9223372036854775808"),
            ("amount", "99999999999999999999"),
            ("currency", "usd"), ("currency", "Usd"), ("currency", ""), ("currency", "US"),
            ("currency", "USDD"), ("currency", "US1"), ("currency", "US "), ("currency", "ÄB"),
            ("currency", "AB\u{0}"), ("currency", "[AB"), ("currency", "@AB"),
            ("user_id", "-1"), ("user_id", "00"), ("user_id", "9223372036854775808"),
            ("created_at", "2021-11-04T11:57:11.123456"),
            ("created_at", "2021-02-29T11:57:11.123456Z"),
            ("created_at", "2021-11-31T11:57:11.123456Z"),
            ("created_at", "2021-11-04T24:00:00.000000Z"),
            ("created_at", "2021-11-04 11:57:11.123456Z"),
            ("created_at", "1969-12-31T23:59:59.999999Z"),
            ("created_at", "9999-12-31T23:59:59.999999Z"),
            ("created_at", "2021-13-04T11:57:11.123456Z"),
            ("created_at", "2021-00-04T11:57:11.123456Z"),
            ("created_at", "2021-11-00T11:57:11.123456Z"),
        ])
    func `a value that a queue would not write is named`(name: String, value: String) throws {
        let fields = StreamEntryDecodingTests.fields.map { $0.0 == name ? (name, value) : $0 }
        let flaw = #expect(throws: StreamEntryFlaw.self) { try decode(fields) }
        #expect(flaw == StreamEntry.Field(rawValue: name).map { .invalid($0) })
        #expect(try #require(flaw?.description).hasPrefix("\(name) is not "))
    }

    @Test(arguments: ["HRK", "BGN", "ZZZ", "AAA", "XAU", "XXX", "BOV", "USD", "QQQ"])
    func `a code of another build's table is accepted and passed on unchanged`(code: String) throws
    {
        let fields = StreamEntryDecodingTests.fields.map {
            $0.0 == "currency" ? ($0.0, code) : $0
        }
        let currency = try decode(fields).currency
        #expect(currency.alphabetic == code && "\(currency)" == code)
        #expect([UInt8](capacity: 3) { currency.append(to: &$0) } == Array(code.utf8))
        #expect(currency.isListed == (CurrencyCode(code) != nil))
        #expect(currency.name.isEmpty == false)
        if let listed = CurrencyCode(code) {
            #expect(currency == listed && currency.hashValue == listed.hashValue)
        } else {
            #expect(currency.numeric == 0 && currency.minorUnit == nil && currency.name == code)
        }
    }

    @Test(
        arguments: [
            ("amount", "9007199254740992"), ("amount", "9223372036854775807"),
            ("user_id", "9007199254740992"), ("user_id", "9223372036854775807"),
            ("id", "01997f6c-1b2a-7def-8edc-ba9876543210"),
            ("id", "00000000-0000-0000-0000-000000000000"),
            ("id", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        ])
    func `a transaction that a later build may accept is decoded, and can be enqueued again`(
        name: String, value: String
    ) throws {
        let fields = StreamEntryDecodingTests.fields.map { $0.0 == name ? (name, value) : $0 }
        let transaction = try decode(fields)
        let values = [
            "id": "\(transaction.id)", "amount": "\(transaction.amount.minorUnits)",
            "user_id": "\(transaction.userID)",
        ]
        #expect(values[name] == value)
        let record = TransactionRecord(transaction, nil)
        var (entry, job) = (RedisCommand(), RedisCommand())
        #expect(StreamEntry.addWords(transaction, record, to: &entry) == 5)
        let format = RQJobFormat(RQKeys(name: "q"), function: "a.b")
        #expect(RQJob(transaction, format).addWords(record, to: &job) == 4)
        for words in [entry, job] {
            #expect(String(decoding: words.bytes, as: UTF8.self).contains(value))
        }
    }

    @Test func `a value that is no text, an odd number of words and other replies are refused`() {
        let fields = words(StreamEntryDecodingTests.fields)
        var noText = fields
        noText[3] = .bulk([0xFF])
        #expect(throws: StreamEntryFlaw.invalid(.amount)) { try StreamEntry.decode(noText) }
        for words in [[], Array(fields.dropLast()), fields + [.null, .null]] as [[RedisReply]] {
            #expect(throws: StreamEntryFlaw.fieldsMissing) { try StreamEntry.decode(words) }
        }
    }

    @Test func `an entry has bounds`() throws {
        let fields = StreamEntryDecodingTests.fields
        let used = fields.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count }
        let filler = { (count: Int) in [("x", String(repeating: "y", count: count - 1))] }
        _ = try decode(fields + filler(StreamEntry.bytesMax - used))
        #expect(throws: StreamEntryFlaw.tooLarge) {
            try decode(fields + filler(StreamEntry.bytesMax - used + 1))
        }
        let many = Array(repeating: ("x", "y"), count: StreamEntry.wordsMax / 2 - fields.count)
        _ = try decode(fields + many)
        #expect(throws: StreamEntryFlaw.tooLarge) { try decode(fields + many + [("x", "y")]) }
    }
}
