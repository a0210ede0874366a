import Testing

@testable import CoreAPIKit
@testable import CoreAPIRedis

@Suite struct ReceivedEntryTests {
    private func bulk(_ text: String) -> RedisReply { .bulk(Array(text.utf8)) }

    @Test func `a read brings entries, or nothing when its time is over`() throws {
        let fields = [bulk("a"), bulk("b")]
        let reply = RedisReply.array([
            .array([
                bulk("s"),
                .array([
                    .array([bulk("1-0"), .array(fields)]), .array([bulk("2-0"), .null]),
                ]),
            ])
        ])
        #expect(
            try ReceivedEntry.list(read: reply) == [
                ReceivedEntry(
                    name: DeliveryName(id: "1-0", attempt: 1), words: fields),
                ReceivedEntry(
                    name: DeliveryName(id: "2-0", attempt: 1), words: []),
            ])
        #expect(try ReceivedEntry.list(read: .null).isEmpty)
    }

    @Test func `a claim returns entries and the entries that were given up`() throws {
        let fields = [bulk("a"), bulk("b")]
        let reply = RedisReply.array([
            .array([.array([bulk("1-0"), .integer(2), .array(fields)])]),
            .array([.array([bulk("2-0"), .integer(10)])]), .array([bulk("3-0"), bulk("4-1")]),
        ])
        let claimed = try ClaimedEntries(reply: reply)
        #expect(
            claimed.entries == [
                ReceivedEntry(
                    name: DeliveryName(id: "1-0", attempt: 2), words: fields)
            ])
        #expect(claimed.deadLettered == [DeliveryName(id: "2-0", attempt: 10)])
        #expect(claimed.removed == ["3-0", "4-1"])
    }

    @Test func `an extension returns the lost and the removed entries`() throws {
        let reply = RedisReply.array([.array([bulk("1-0 2")]), .array([bulk("2-0")])])
        let unkept = try UnkeptDeliveries(reply: reply)
        #expect(unkept.lost == ["1-0 2"] && unkept.removed == ["2-0"])
    }

    @Test(arguments: [Int64.min, -1, 0, 1, Int64.max])
    func `a count of deliveries may be any number, and nothing is reckoned by it`(
        count: Int64
    ) throws {
        let reply = RedisReply.array([
            .array([.array([bulk("1-0"), .integer(count), .array([])])]),
            .array([.array([bulk("2-0"), .integer(count)])]), .array([]),
        ])
        let claimed = try ClaimedEntries(reply: reply)
        #expect(claimed.entries.map(\.name) == [DeliveryName(id: "1-0", attempt: Int(count))])
        #expect(claimed.deadLettered == [DeliveryName(id: "2-0", attempt: Int(count))])
        let pause = ConsumerOptions().retryPauseMilliseconds(
            afterAttempt: Int(count), jitter: 1)
        #expect(2_000...600_000 ~= pause)
    }

    @Test(
        arguments: [
            "", "-", "1", "1-", "-1", "1-0-0", "1 -0", "1-0 2", "a-0", "1-0\n", "−1-0", "+1-0",
            "123456789012345678901-0", "1-123456789012345678901", "1-0\u{0}", "*", "1-*",
        ])
    func `an id is two numbers`(id: String) {
        #expect(throws: RedisError.protocolViolation) { try DeliveryName.id(of: bulk(id)) }
        #expect(throws: RedisError.protocolViolation) {
            try DeliveryName.ids(of: .array([bulk("1-0"), bulk(id)]))
        }
        let entry = RedisReply.array([bulk(id), .array([])])
        #expect(throws: RedisError.protocolViolation) {
            try ReceivedEntry.list(read: .array([.array([bulk("s"), .array([entry])])]))
        }
    }

    @Test func `the greatest id is one`() throws {
        let id = "18446744073709551615-18446744073709551615"
        #expect(try DeliveryName.id(of: bulk(id)) == id)
    }

    @Test(
        arguments: [
            .integer(1), .array([]), .array([.null]), .array([.array([.null, .null])]),
            .array([.array([.array([.null])]), .array([])]),
            .array([.array([]), .array([.array([.null])])]),
            .status([]), .bulk([]), .integer(.min), .error(RedisServerError(message: "ERR x")),
            .array([.error(RedisServerError(message: "ERR x")), .null, .null]),
            .array([.array([.array([])]), .array([]), .array([])]),
            .array([.array([.array([.null, .integer(1), .array([])])]), .array([]), .array([])]),
            .array([.array([]), .array([.array([])]), .array([])]),
            .array([.array([]), .array([.array([.null, .null])]), .array([])]),
            .array([.array([]), .array([]), .integer(1)]),
            .array([.array([]), .array([]), .array([.null])]),
            .array([.array([]), .array([]), .array([]), .array([])]),
            .array([.array([.array([.array([.array([])])])])]),
        ] as [RedisReply])
    func `any other reply is a protocol violation`(reply: RedisReply) {
        #expect(throws: RedisError.protocolViolation) { try ClaimedEntries(reply: reply) }
        #expect(throws: RedisError.protocolViolation) { try ReceivedEntry.list(read: reply) }
        #expect(throws: RedisError.protocolViolation) { try UnkeptDeliveries(reply: reply) }
    }
}
