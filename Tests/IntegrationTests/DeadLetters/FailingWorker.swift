import Foundation
import Testing

/// A worker of python-rq whose transactions fail: those of JPY and GBP, each for a reason of its
/// own.
enum FailingWorker {
    static let unavailable = "ValueError: the PSP answers 503"
    static let closed = "PermissionError: the account is closed"

    private static let connector = """
        import os, sys
        from redis import Redis
        from rq import Queue, Worker

        def make_transaction(*, user_id, amount, currency):
            if currency == "JPY" and "mended" not in sys.argv:
                raise ValueError("the PSP answers 503")
            if currency == "GBP":
                raise PermissionError("the account is closed")

        if __name__ == "__main__":
            redis = Redis.from_url(os.environ["REDIS_URL"])
            Worker([Queue("default", connection=redis)], connection=redis).work(burst=True)
        """

    /// Works until the queue is empty.
    ///
    /// - Parameter isMended: whether transactions of JPY succeed.
    static func run(
        _ version: String, on redis: RedisServer, isMended: Bool = false
    ) async throws {
        let result = try await python(
            version, on: redis, connector, isMended ? ["mended"] : [])
        #expect(result.status == 0, "\(result.errors)")
    }

    /// Runs a program of Python with this version of rq.
    static func python(
        _ version: String, on redis: RedisServer, _ text: String, _ arguments: [String] = []
    ) async throws -> (status: Int32, output: String, errors: String) {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "core-api-\(UUID().uuidString).py")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try await Program.run(
            try RQWorker.python(version), [file.path] + arguments,
            environment: ["REDIS_URL": redis.url], withinSeconds: 300)
    }
}
