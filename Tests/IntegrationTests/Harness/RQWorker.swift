import Foundation
import Testing

/// python-rq's own workers, of the versions that docs/wire-formats.md promises, with the connector
/// of scripts/connector.py.
enum RQWorker {
    static let versions = ["rq-1.10.0", "rq-newest"]
    /// Those, and the newest 2.x: where rq keeps results, executions and failed jobs differs.
    static let majors = ["rq-1.10.0", "rq-2", "rq-newest"]

    private static let connector = Program.root.appending(path: "scripts/connector.py").path

    /// The interpreter of the environment that has this version.
    static func python(_ version: String) throws -> String {
        let python = Program.root.appending(path: ".run/\(version)/bin/python").path
        try #require(
            FileManager.default.fileExists(atPath: python), "`make test` makes .run/\(version)")
        return python
    }

    /// The command `rq` of this version.
    static func command(_ version: String) throws -> String {
        _ = try python(version)
        return Program.root.appending(path: ".run/\(version)/bin/rq").path
    }

    /// Works until the queue is empty.
    static func run(
        _ version: String, queue: String = "default", more: [String] = [],
        environment: [String: String]
    ) async throws -> (status: Int32, output: String, errors: String) {
        try await Program.run(
            try python(version), [connector, "--burst", "--queue", queue] + more,
            environment: environment, withinSeconds: 300)
    }

    /// Works until the test ends it.
    static func start(
        _ version: String, on redis: RedisServer, queue: String
    ) throws -> Program {
        try Program(
            try python(version), [connector, "--queue", queue],
            environment: ["REDIS_URL": redis.url])
    }
}
