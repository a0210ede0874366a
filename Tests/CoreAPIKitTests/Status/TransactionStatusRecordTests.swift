import CoreAPIBase
import Testing

@testable import CoreAPIKit
@testable import CoreAPIRedis

/// The texts from which statuses are read.
@Suite struct TransactionStatusRecordTests {
    private let id = TransactionID(high: 1, low: 2)

    private func status(_ text: String, userID: Int? = 1) -> TransactionStatus? {
        TransactionStatusRecord.status(of: id, userID: userID, Array(text.utf8))
    }

    @Test func `a record is read, and the time of its creation is the earliest of a change`()
        throws
    {
        let queued = try #require(status("queued 0 0 1-0 1 100 USD 2021-11-04T11:57:11.123456Z"))
        #expect(queued.id == id && queued.state == .queued && queued.attempts == 0)
        #expect(queued.amount.minorUnits == 100 && queued.currency.description == "USD")
        #expect(queued.userID == 1)
        #expect(queued.createdAt.timestamp == "2021-11-04T11:57:11.123456Z")
        #expect(queued.updatedAt == queued.createdAt)
        let failed = try #require(
            status("failed 1636027032000 7 1-0 1 100 USD 2021-11-04T11:57:11.123456Z"))
        #expect(failed.state == .failed && failed.attempts == 7)
        #expect(failed.updatedAt.timestamp == "2021-11-04T11:57:12.000000Z")
    }

    @Test func `of another user nothing is read, for an operator that of each`() {
        let text = "queued 0 0 1-0 1 100 USD 2021-11-04T11:57:11.123456Z"
        #expect(status(text, userID: 2) == nil)
        #expect(status(text, userID: nil)?.userID == 1)
    }

    @Test(arguments: [
        "", " ", "queued", "unknown 0 0 1-0 1 100 USD 2021-11-04T11:57:11.123456Z",
        "queued x 0 1-0 1 100 USD 2021-11-04T11:57:11.123456Z",
        "queued 0 x 1-0 1 100 USD 2021-11-04T11:57:11.123456Z",
        "queued 0 0 1-0 -1 100 USD 2021-11-04T11:57:11.123456Z",
        "queued 0 0 1-0 1 0 USD 2021-11-04T11:57:11.123456Z",
        "queued 0 0 1-0 1 100 usd 2021-11-04T11:57:11.123456Z",
        "queued 0 0 1-0 1 100 USD yesterday",
        "queued 0 0 1-0 1 100 USD 2021-11-04T11:57:11.123456Z more",
        "queued  0 0 1-0 1 100 USD 2021-11-04T11:57:11.123456Z",
    ])
    func `another text is no record`(text: String) {
        #expect(status(text, userID: nil) == nil)
    }

    // MARK: - Replies of a stream

    private func reply(_ rest: RedisReply...) -> RedisReply {
        .array(
            [.bulk(Array("queued 0 3 1-0 1 100 USD 2021-11-04T11:57:11.123456Z".utf8))] + rest)
    }

    private func status(_ reply: RedisReply) throws -> TransactionStatus? {
        try StreamStatus.status(
            of: id, userID: 1, reply, now: UnixTime(seconds: 1_636_027_041))
    }

    @Test func `what a group knows of the entry takes the place of the record's state`() throws {
        #expect(try status(.null) == nil)
        #expect(try status(reply())?.state == .queued)
        #expect(try status(reply())?.attempts == 3)
        let taken = try status(reply(.bulk(Array("processing".utf8)), .integer(4_000), .integer(5)))
        #expect(taken?.state == .processing && taken?.attempts == 5)
        #expect(taken?.updatedAt.timestamp == "2021-11-04T11:57:17.000000Z")
        let waits = try status(reply(.bulk(Array("queued".utf8)), .integer(-1), .integer(4)))
        #expect(waits?.state == .queued && waits?.attempts == 4)
        #expect(waits?.updatedAt == waits?.createdAt)
    }

    @Test func `another reply is a broken protocol`() {
        let replies: [RedisReply] = [
            .integer(1), .array([]), reply(.bulk([])),
            reply(.bulk(Array("lost".utf8)), .integer(1), .integer(1)),
            reply(.bulk(Array("queued".utf8)), .integer(1), .bulk([])),
        ]
        for reply in replies {
            #expect(throws: RedisError.protocolViolation) { try status(reply) }
        }
    }

    // MARK: - Entries

    @Test func `an entry says for how long its status is kept`() {
        func seconds(_ words: String...) -> Int {
            StreamEntry.statusSeconds(words.map { .bulk(Array($0.utf8)) })
        }
        #expect(seconds() == 0)
        #expect(seconds("id", "x", "status_seconds", "60") == 60)
        #expect(seconds("status_seconds", "31536000", "id", "x") == 31_536_000)
        for value in ["", "0", "-1", "+1", "060", "31536001", "1e3", "99999999999999999999"] {
            #expect(seconds("status_seconds", value) == 0, "\(value)")
        }
        #expect(seconds("status_seconds") == 0)
    }
}
