import Testing

@testable import CoreAPIKit

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

    @Test func `a claim brings entries, and what was given up`() throws {
        let fields = [bulk("a"), bulk("b")]
        let reply = RedisReply.array([
            .array([.array([bulk("1-0"), .integer(2), .array(fields)])]),
            .array([.array([bulk("2-0"), .integer(10)])]),
        ])
        let claimed = try ClaimedEntries(reply: reply)
        #expect(
            claimed.entries == [
                ReceivedEntry(
                    name: DeliveryName(id: "1-0", attempt: 2), words: fields)
            ])
        #expect(claimed.buried == [DeliveryName(id: "2-0", attempt: 10)])
    }

    @Test(
        arguments: [
            .integer(1), .array([]), .array([.null]), .array([.array([.null, .null])]),
            .array([.array([.array([.null])]), .array([])]),
            .array([.array([]), .array([.array([.null])])]),
        ] as [RedisReply])
    func `other replies are none of Redis's`(reply: RedisReply) {
        #expect(throws: RedisError.protocolViolation) { try ClaimedEntries(reply: reply) }
        #expect(throws: RedisError.protocolViolation) { try ReceivedEntry.list(read: reply) }
    }
}
