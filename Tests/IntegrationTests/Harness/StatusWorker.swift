import CoreAPIRedis
import Foundation
import Testing

/// A worker of python-rq whose jobs wait for the test's word: to succeed, to fail, or to die.
final class StatusWorker: Sendable {
    enum Word: String { case succeed, fail, die }

    private let program: Program
    private let redis: RedisServer

    private static let script = """
        import os
        from redis import Redis
        from rq import Queue, Worker

        def connect():
            return Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)

        def make_transaction(*, user_id, amount, currency):
            redis = connect()
            redis.rpush("test:begun", amount)
            word = redis.blpop("test:word", 300)[1]
            if word == b"die":
                os._exit(1)
            if word == b"fail":
                raise ValueError("no")

        redis = connect()
        Worker([Queue("default", connection=redis)], connection=redis).work()
        """

    init(_ version: String, _ redis: RedisServer) throws {
        self.redis = redis
        program = try Program(
            try RQWorker.python(version), ["-c", StatusWorker.script],
            environment: ["REDIS_URL": redis.url])
    }

    deinit { program.signal(SIGKILL) }

    /// Waits until a job runs.
    func begins() async throws {
        try await eventually("a job begins: \(program.errors)") {
            try await redis.command("LPOP", "test:begun") != .null
        }
    }

    func say(_ word: Word) async throws {
        _ = try await redis.command("RPUSH", "test:word", word.rawValue)
    }

    /// Puts all failed jobs back, as `rq requeue` does.
    static func requeue(_ version: String, _ redis: RedisServer) async throws {
        let script = """
            import os
            from redis import Redis
            from rq.registry import FailedJobRegistry
            registry = FailedJobRegistry("default", connection=Redis.from_url(os.environ["URL"]))
            for job in registry.get_job_ids():
                registry.requeue(job)
            """
        let result = try await Program.run(
            try RQWorker.python(version), ["-c", script], environment: ["URL": redis.url])
        #expect(result.status == 0, "\(result.errors)")
    }
}
