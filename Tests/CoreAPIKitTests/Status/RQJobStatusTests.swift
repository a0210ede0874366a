import CoreAPIBase
import Testing

@testable import CoreAPIKit
@testable import CoreAPIRedis

/// The status of a transaction as its job's hash tells it.
@Suite struct RQJobStatusTests {
    private let id = TransactionID(high: 1, low: 2)

    private func status(
        _ status: String? = "queued", origin: String? = "default",
        description: String? = "__main__.make_transaction(amount=1000, currency='USD', user_id=1)",
        created: String? = "2021-11-04T11:57:11.123456Z", enqueued: String = "",
        started: String = "", ended: String = "", results: Int64 = 0, userID: Int? = 1
    ) throws -> TransactionStatus? {
        let fields = [status, origin, description, created, enqueued, started, ended]
        let parts = fields.map { $0.map { RedisReply.bulk(Array($0.utf8)) } ?? .null }
        return try RQJobStatus.status(
            of: id, userID: userID, queue: "default", .array(parts + [.integer(results)]))
    }

    @Test func `a job is read: the latest of its times is that of its last change`() throws {
        let found = try #require(
            try status(
                "failed", enqueued: "2021-11-04T11:57:12.000000Z",
                started: "2021-11-04T11:57:13.000000Z", ended: "2021-11-04T11:57:14.000000Z",
                results: 2))
        #expect(found.id == id && found.state == .failed && found.attempts == 2)
        #expect(found.amount.minorUnits == 1_000 && found.currency.description == "USD")
        #expect(found.createdAt.timestamp == "2021-11-04T11:57:11.123456Z")
        #expect(found.updatedAt.timestamp == "2021-11-04T11:57:14.000000Z")
    }

    @Test func `each status of rq is one of ours, and one that is unknown is not final`() throws {
        for (name, state) in [
            ("created", .queued), ("queued", .queued), ("deferred", .queued),
            ("scheduled", .queued), ("rate_limited", .queued), ("ready_to_enqueue", .queued),
            ("started", .processing), ("finished", .processed), ("failed", .failed),
            ("stopped", .failed), ("canceled", .failed), ("of a later version", .processing),
        ] as [(String, TransactionStatus.State)] {
            #expect(try status(name)?.state == state, "\(name)")
        }
    }

    @Test func `attempts are those that rq counts, and at least one once it was started`() throws {
        let time = "2021-11-04T11:57:13.000000Z"
        #expect(try status()?.attempts == 0)
        #expect(try status("started", started: time)?.attempts == 1)
        #expect(try status("started", started: time, results: 2)?.attempts == 3)
        #expect(try status("finished", started: time)?.attempts == 1)
        #expect(try status("queued", results: 2)?.attempts == 2)
    }

    @Test func `a job of another queue, of another user or of another form is unknown`() throws {
        #expect(try status(origin: "other") == nil)
        #expect(try status(origin: nil) == nil)
        #expect(try status(userID: 2) == nil)
        #expect(try status(userID: nil)?.userID == 1)
        #expect(try status(created: nil) == nil)
        #expect(try status(created: "yesterday") == nil)
        for description in [
            nil, "", "f", "f()", "f(amount=1, currency='USD')",
            "f(amount=0, currency='USD', user_id=1)", "f(amount=01, currency='USD', user_id=1)",
            "f(amount=1, currency='usd', user_id=1)", "f(amount=1, currency=USD, user_id=1)",
            "f(amount=1, currency=', user_id=1)", "f(amount=1, currency='USD', user_id=-1)",
            "f(amount=1, currency='USD', user_id=1", "f(user_id=1, amount=1, currency='USD')",
        ] {
            #expect(try status(description: description) == nil, "\(description ?? "nil")")
        }
        #expect(try status(description: "m.f(amount=1, currency='EUR', user_id=1)") != nil)
    }

    @Test func `another reply is a broken protocol`() {
        for reply in [RedisReply.null, .array([]), .array(Array(repeating: .null, count: 8))] {
            #expect(throws: RedisError.protocolViolation) {
                try RQJobStatus.status(of: id, userID: 1, queue: "default", reply)
            }
        }
    }
}
