import CoreAPIBase
import CoreAPIKit
import Foundation
import Testing

/// From token to processed job: the real binary, a real Redis, unmodified python-rq workers.
@Suite(.serialized, .timeLimit(.minutes(10))) struct WorkerTests {
    static let amounts = [
        1, 255, 256, 65_535, 65_536, 2_147_483_647, 2_147_483_648, 9_007_199_254_740_991,
    ]

    @Test(arguments: RQWorker.versions)
    func `a worker processes a posted transaction, with integers and text`(version: String)
        async throws
    {
        try await RedisServer.with { redis in
            try await APIServer.with(["REDIS_URL": redis.url, "QUEUE": "rq:payments"]) { server in
                var expected: [String] = []
                for amount in WorkerTests.amounts {
                    let user = amount - 1
                    let token = APIServer.token(userID: user)
                    let answer = try server.post(APIServer.body(amount: amount, token: token))
                    #expect(answer.status == 200)
                    #expect(
                        answer.body
                            == "{\"amount\":\(amount),\"currency\":\"USD\",\"user_id\":\(user)}"
                    )
                    let id = try #require(answer.fields["transaction-id"])
                    expected.append(
                        "processed: user_id=\(user) amount=\(amount) currency='USD' (job \(id))"
                    )
                }
                let result = try await RQWorker.run(
                    version, queue: "payments", environment: ["REDIS_URL": redis.url])
                #expect(result.status == 0, "\(result.errors)")
                let lines = result.output.split(separator: "\n").map(String.init)
                #expect(lines.filter { $0.hasPrefix("processed") } == expected, "\(result.errors)")
                #expect(try await redis.command("LLEN", "rq:queue:payments") == .integer(0))
                let statuses = try await jobStatuses(redis)
                #expect(statuses == Array(repeating: "finished", count: expected.count))
            }
        }
    }

    @Test func `the connector for trials fails the transactions of the currencies it is told to`()
        async throws
    {
        try await RedisServer.with { redis in
            let queue = try await RQTransactionQueue(url: redis.url)
            defer { queue.close() }
            for currency in ["JPY", "EUR", "GBP"] {
                try await queue.enqueue(
                    try Transaction(
                        id: .random(), amount: try #require(Amount(100)),
                        currency: try #require(CurrencyCode(currency)), userID: 1, createdAt: .now()
                    )
                )
            }
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            let environment = ["REDIS_URL": redis.url]
            let result = try await RQWorker.run(
                "rq-1.10.0", more: ["--fail", "JPY", "--fail", "GBP"], environment: environment)
            func processed(_ output: String) -> [Substring] {
                output.split(separator: "\n").filter { $0.hasPrefix("processed: ") }
            }
            #expect(processed(result.output).count == 1, "\(result)")
            #expect(processed(result.output).first?.contains("'EUR'") == true)
            let reasons = try await store.reasons().counts.map(\.reason)
            #expect(
                reasons.sorted()
                    == ["GBP", "JPY"].map { "RuntimeError: the PSP does not take \($0): --fail" })
            // Put back, with a connector that does not fail, both are processed.
            _ = try await store.perform(.requeue, onReason: nil, after: nil)
            let again = try await RQWorker.run("rq-1.10.0", environment: environment)
            #expect(processed(again.output).count == 2, "\(again)")
            #expect(try await store.count() == 0)
        }
    }

    private func jobStatuses(_ redis: RedisServer) async throws -> [String] {
        var statuses: [String] = []
        for key in try await redis.texts("KEYS", "rq:job:*") {
            statuses += try await redis.texts("HGET", key, "status")
        }
        return statuses
    }

    @Test func `rq itself reads the job's fields as its own`() async throws {
        try await RedisServer.with { redis in
            let queue = try await RQTransactionQueue(url: redis.url)
            let transaction = try Transaction(
                id: .random(), amount: try #require(Amount(1_000)),
                currency: try #require(CurrencyCode("USD")),
                userID: 1, createdAt: UnixTime(nanoseconds: 1_636_027_031_123_456_789))
            try await queue.enqueue(transaction)
            let script = """
                import sys
                from redis import Redis
                from rq.job import Job
                job = Job.fetch(sys.argv[1], connection=Redis.from_url(sys.argv[2]))
                print(job.func_name, job.args, sorted(job.kwargs.items()), job.origin, job.timeout)
                print(job.get_status(), job.created_at.isoformat(), job.enqueued_at.isoformat())
                print(job.description)
                """
            for version in RQWorker.versions {
                let result = try await Program.run(
                    try RQWorker.python(version),
                    ["-c", script, transaction.id.description, redis.url])
                #expect(result.status == 0, "\(result.errors)")
                let lines = result.output.split(separator: "\n").map(String.init)
                try #require(lines.count == 3)
                #expect(
                    lines[0]
                        == "__main__.make_transaction () [('amount', 1000), ('currency', 'USD'), "
                        + "('user_id', 1)] default 180"
                )
                #expect(lines[1].contains("2021-11-04T11:57:11.123456"))
                #expect(
                    lines[2] == "__main__.make_transaction(amount=1000, currency='USD', user_id=1)")
            }
        }
    }
}
