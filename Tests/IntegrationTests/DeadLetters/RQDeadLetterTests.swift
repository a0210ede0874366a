import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// The failed jobs of python-rq, made by its own workers.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RQDeadLetterTests {
    private func enqueue(_ currencies: String..., to redis: RedisServer) async throws -> [String] {
        let queue = try await RQTransactionQueue(url: redis.url)
        defer { queue.close() }
        var ids: [String] = []
        for (index, currency) in currencies.enumerated() {
            let transaction = try Transaction(
                id: .random(), amount: try #require(Amount(100 + index)),
                currency: try #require(CurrencyCode(currency)), userID: 7, createdAt: .now())
            try await queue.enqueue(transaction)
            ids.append("\(transaction.id)")
        }
        return ids
    }

    private func status(_ id: String, _ redis: RedisServer) async throws -> String {
        try await redis.texts("HGET", "rq:job:\(id)", "status").first ?? ""
    }

    @Test(arguments: RQWorker.majors)
    func `failed jobs are listed with the last line of their traceback`(version: String)
        async throws
    {
        try await RedisServer.with { redis in
            let ids = try await enqueue("JPY", "EUR", "GBP", "JPY", to: redis)
            try await FailingWorker.run(version, on: redis)
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            #expect(try await store.count() == 3)
            let page = try await store.page(after: nil, reason: nil, limit: 10)
            #expect(Set(page.letters.map(\.id)) == [ids[0], ids[2], ids[3]])
            #expect(page.next == nil || page.letters.count == 3)
            let letter = try #require(page.letters.first { $0.id == ids[2] })
            #expect(letter.reason == FailingWorker.closed)
            #expect(letter.transactionID == ids[2])
            #expect(letter.value("amount") == "102" && letter.value("currency") == "GBP")
            #expect(letter.value("user_id") == "7" && letter.diedAt != nil)
            #expect(letter.traceback.isEmpty)
            let reasons = try await store.reasons()
            let expected = [FailingWorker.unavailable, FailingWorker.closed]
            #expect(reasons.counts.map(\.reason) == expected)
            #expect(reasons.counts.map(\.count) == [2, 1])
            let whole = try #require(try await store.letter(ids[0]))
            #expect(whole.traceback.hasPrefix("Traceback (most recent call last):"))
            #expect(whole.traceback.contains(FailingWorker.unavailable))
            #expect(try await store.letter("no-such-id") == nil)
        }
    }

    @Test(arguments: RQWorker.majors)
    func `a job that is put back is processed as if rq had put it back`(version: String)
        async throws
    {
        try await RedisServer.with { redis in
            let ids = try await enqueue("JPY", "GBP", to: redis)
            try await FailingWorker.run(version, on: redis)
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            _ = try await redis.command("EXPIRE", "rq:job:\(ids[0])", "3600")
            #expect(try await store.perform(.requeue, on: ids[0]))
            #expect(try await store.perform(.requeue, on: ids[0]) == false)
            #expect(try await status(ids[0], redis) == "queued")
            #expect(try await redis.command("TTL", "rq:job:\(ids[0])") == .integer(-1))
            #expect(try await redis.texts("LRANGE", "rq:queue:default", "0", "-1") == [ids[0]])
            #expect(try await store.count() == 1)
            // rq itself sees a job that waits.
            let seen = try await FailingWorker.python(
                version, on: redis,
                """
                import os, sys
                from redis import Redis
                from rq import Queue
                from rq.job import Job
                redis = Redis.from_url(os.environ["REDIS_URL"])
                job = Job.fetch(sys.argv[1], connection=redis)
                queue = Queue("default", connection=redis)
                print(job.get_status(refresh=False), job.started_at, job.ended_at, queue.count,
                      job.kwargs["currency"], queue.failed_job_registry.count)
                """, [ids[0]])
            #expect(
                seen.output.hasPrefix("queued None None 1 JPY 1")
                    || seen.output.hasPrefix("JobStatus.QUEUED None None 1 JPY 1"), "\(seen)")
            try await FailingWorker.run(version, on: redis, isMended: true)
            #expect(try await status(ids[0], redis) == "finished")
        }
    }

    @Test(arguments: RQWorker.majors)
    func `a job that fails again has the reason of its last failure`(version: String) async throws {
        try await RedisServer.with { redis in
            let ids = try await enqueue("JPY", to: redis)
            try await FailingWorker.run(version, on: redis)
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            #expect(try await store.perform(.requeue, on: ids[0]))
            // Another version of the worker keeps results elsewhere.
            let other = RQWorker.majors.first { $0 != version } ?? version
            _ = try await redis.command(
                "HSET", "rq:job:\(ids[0])", "description", "f(currency='JPY')")
            try await FailingWorker.run(other, on: redis)
            let letter = try #require(try await store.letter(ids[0]))
            #expect(letter.reason == FailingWorker.unavailable)
            // `rq requeue` of an operator, at the same time.
            let put = try await FailingWorker.python(
                other, on: redis,
                """
                import os, sys
                from redis import Redis
                from rq.registry import FailedJobRegistry
                redis = Redis.from_url(os.environ["REDIS_URL"])
                FailedJobRegistry("default", connection=redis).requeue(sys.argv[1])
                """, [ids[0]])
            #expect(put.status == 0, "\(put.errors)")
            #expect(try await store.count() == 0)
            #expect(try await store.perform(.requeue, on: ids[0]) == false)
            #expect(try await store.perform(.remove, on: ids[0]) == false)
            #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(1))
        }
    }

    @Test(arguments: RQWorker.majors)
    func `a job that is removed leaves nothing behind`(version: String) async throws {
        try await RedisServer.with { redis in
            let ids = try await enqueue("JPY", to: redis)
            try await FailingWorker.run(version, on: redis)
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            #expect(try await store.perform(.remove, on: ids[0]))
            #expect(try await store.count() == 0)
            let left = try await redis.texts("KEYS", "*\(ids[0])*")
            #expect(left.isEmpty, "\(left)")
        }
    }

    // MARK: - Many

    /// Failed jobs as rq 1.10 writes them, without a worker.
    private func fill(
        _ redis: RedisServer, _ count: Int, score: (Int) -> String
    ) async throws {
        for number in 0..<count {
            let id = "job-\(number)"
            _ = try await redis.command(
                "HSET", "rq:job:\(id)", "data", "x", "status", "failed", "exc_info",
                number % 3 == 0 ? "Trace\nError: a\n" : "Error: b", "ended_at",
                "2021-11-04T11:57:11.123456Z")
            _ = try await redis.command("ZADD", "rq:failed:default", score(number), id)
        }
    }

    @Test(arguments: ["-1", "9999999999", "mixed", "+inf", "-inf"])
    func `pages have every job once, also where many have the same score`(score: String)
        async throws
    {
        try await RedisServer.with { redis in
            try await fill(redis, 230) { number in
                score == "mixed" ? "\(9_999_999_000 + number / 50)" : score
            }
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            #expect(try await store.count() == 230)
            for (reason, count) in [(nil, 230), ("Error: a", 77), ("Error: c", 0)] {
                var seen: [String] = []
                var examined = 0
                var next: String?
                repeat {
                    let page = try await store.page(after: next, reason: reason, limit: 30)
                    seen += page.letters.map(\.id)
                    examined += page.examined
                    next = page.next
                } while next != nil
                #expect(seen.count == count && Set(seen).count == count)
                #expect(examined == 230)
            }
        }
    }

    @Test func `a page examines a bounded number of jobs, and says how many`() async throws {
        try await RedisServer.with { redis in
            try await fill(redis, 1_130) { _ in "9999999999" }
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            var pages: [DeadLetterPage] = []
            repeat {
                pages.append(
                    try await store.page(after: pages.last?.next, reason: "none", limit: 100))
            } while pages.last?.next != nil
            #expect(pages.map(\.examined) == [500, 500, 130])
            #expect(pages.allSatisfy { $0.letters.isEmpty })
            let first = try await store.page(after: nil, reason: "Error: a", limit: 10)
            #expect(first.letters.count == 10 && first.examined < 100)
            let reasons = try await store.reasons()
            #expect(reasons.examined == 1_000)
            #expect(reasons.counts.map(\.count).reduce(0, +) == 1_000)
            #expect(try await store.count() == 1_130)
        }
    }

    @Test func `jobs that rq has forgotten keep no other from being put back`() async throws {
        try await RedisServer.with { redis in
            try await fill(redis, 260) { $0 < 200 ? "1000" : "9999999999" }
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            var count = 0
            var next: String?
            repeat {
                let step = try await store.perform(.requeue, onReason: nil, after: next)
                count += step.count
                next = step.next
            } while next != nil
            #expect(count == 60)
            #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(60))
        }
    }

    @Test func `all jobs of a reason are put back in steps, and no other is`() async throws {
        try await RedisServer.with { redis in
            try await fill(redis, 230) { "\(9_999_999_000 + $0 / 50)" }
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            var (sum, steps) = (0, 0)
            var next: String?
            repeat {
                let step = try await store.perform(
                    .requeue, onReason: "Error: b", after: next)
                sum += step.count
                steps += 1
                next = step.next
            } while next != nil
            #expect(sum == 153 && steps == 10)
            #expect(try await store.count() == 77)
            #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(153))
            repeat {
                let step = try await store.perform(.remove, onReason: nil, after: next)
                next = step.next
            } while next != nil
            #expect(try await store.count() == 0)
        }
    }

    @Test func `what rq has forgotten is not counted, and a job without its hash is removed only`()
        async throws
    {
        try await RedisServer.with { redis in
            try await fill(redis, 3) { $0 == 0 ? "1000" : "9999999999" }
            _ = try await redis.command("DEL", "rq:job:job-1")
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            #expect(try await store.count() == 2)
            let page = try await store.page(after: nil, reason: nil, limit: 10)
            #expect(Set(page.letters.map(\.id)) == ["job-1", "job-2"])
            let gone = try #require(page.letters.first { $0.id == "job-1" })
            #expect(gone.reason.contains("forgotten"))
            #expect(try await store.perform(.requeue, on: "job-1") == false)
            #expect(try await store.perform(.remove, on: "job-1"))
            _ = try await redis.command(
                "HSET", "rq:job:job-2", "rate_limit_key", "key")
            #expect(try await store.perform(.requeue, on: "job-2") == false)
        }
    }

    @Test func `an error of Redis is thrown, and changes nothing`() async throws {
        try await RedisServer.with { redis in
            try await fill(redis, 1) { _ in "9999999999" }
            _ = try await redis.command("SET", "rq:queue:default", "a text")
            let store = try RedisDeadLetterStore(url: redis.url, rqQueue: "default")
            defer { store.close() }
            await #expect(throws: RedisError.self) {
                _ = try await store.perform(.requeue, on: "job-0")
            }
            #expect(try await store.count() == 1)
            #expect(try await status("job-0", redis) == "failed")
            redis.kill()
            await #expect(throws: RedisError.self) { _ = try await store.count() }
        }
    }
}
