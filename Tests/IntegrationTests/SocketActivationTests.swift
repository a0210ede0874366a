import CoreAPIBase
import CoreAPIHTTP
import Foundation
import Synchronization
import Testing

@testable import CoreAPIRedis
@testable import CoreAPIServer

/// A socket inherited from a service manager, and the notifications sent to it.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SocketActivationTests {
    /// The answers to all callers. Each transaction has its own connection.
    private final class Seen: Sendable {
        let accepted = Atomic(0)
        let running = Atomic(0)
        let isOver = Atomic(false)
        let failures = Mutex<[String]>([])
    }

    /// The server waits for a new connection's first request so long when it ends; a caller that
    /// the machine let wait for longer than half of it proves nothing.
    private static let sendTimeMax = Duration.seconds(5)

    private static func post(to port: UInt16, _ seen: Seen) {
        defer { seen.running.subtract(1, ordering: .releasing) }
        let request = APIServer.post(APIServer.body(), fields: "Connection: close\r\n")
        while !seen.isOver.load(ordering: .acquiring) {
            let begin = ContinuousClock.now
            var sent = begin
            do {
                let client = try RawClient(port: port)
                try client.send(request)
                sent = .now
                let status = try client.readAnswer().status
                guard status == 200 else { throw TooLate(what: "status \(status)") }
                seen.accepted.add(1, ordering: .relaxed)
            } catch  where sent - begin < sendTimeMax {
                seen.failures.withLock { if $0.count < 100 { $0.append("\(error)") } }
            } catch {}
        }
    }

    @Test func `restarts under load refuse no connection and lose no answer`() async throws {
        try await RedisServer.with { redis in
            let environment = ["REDIS_URL": redis.url, "QUEUE": "stream:s", "THREADS": "2"]
            try await ServiceManagerProgram.with(environment) { manager in
                let seen = Seen()
                for _ in 0..<4 {
                    seen.running.add(1, ordering: .relaxed)
                    try Thread.start { SocketActivationTests.post(to: manager.port, seen) }
                }
                do {
                    for _ in 1...5 {
                        let before = seen.accepted.load(ordering: .relaxed)
                        try await eventually("there is load") {
                            seen.accepted.load(ordering: .relaxed) > before + 100
                        }
                        try await manager.restart()
                    }
                } catch { Issue.record(error) }
                seen.isOver.store(true, ordering: .releasing)
                try await eventually("all callers have ended") {
                    seen.running.load(ordering: .acquiring) == 0
                }
                #expect(seen.failures.withLock { $0 } == [])
                let accepted = seen.accepted.load(ordering: .relaxed)
                #expect(try await redis.command("XLEN", "s") == .integer(Int64(accepted)))
                let told = Array(repeating: ["READY=1", "STOPPING=1"], count: 6).joined()
                #expect(manager.notices == told.dropLast())
            }
        }
    }

    @Test func `the socket that is given decides where the server listens`() async throws {
        try await ServiceManagerProgram.with(["QUEUE": "memory", "HTTP_PORT": "1"]) { manager in
            let client = try RawClient(port: manager.port)
            try client.send(APIServer.post(APIServer.body()))
            #expect(try client.readAnswer().status == 200)
            let place = "\"host\":\"inherited\",\"port\":\"\(manager.port)\""
            try await eventually("it is logged") { manager.log.contains(place) }
        }
    }

    @Test(arguments: [
        ("65", "at most 64 sockets"), ("2", "not a listening TCP or Unix socket"),
        ("1", "not a listening TCP or Unix socket"),
    ])
    func `an inherited descriptor that is not a listening socket is a configuration error`(
        count: String, expected: String
    ) async throws {
        // The shell's own number is that of the server, which takes its place.
        let result = try await Program.run(
            "bash",
            [
                "-c",
                "export LISTEN_PID=$$ LISTEN_FDS=\(count); "
                    + "exec '\(Program.built("core-api"))' 3< /dev/null",
            ], environment: ["JWT_SECRET": APIServer.secret, "QUEUE": "memory"])
        #expect(result.status == 78)
        #expect(result.errors.contains("LISTEN_FDS"))
        #expect(result.errors.contains(expected))
    }

    @Test func `callers' and operators' sockets are told apart by their names`() async throws {
        let script = Program.root.appending(
            path: "Tests/IntegrationTests/Harness/several-sockets.py"
        ).path
        let result = try await Program.run(
            "python3", [script, Program.built("core-api")],
            environment: ["JWT_SECRET": APIServer.secret, "QUEUE": "memory", "THREADS": "2"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(
            result.output.split(separator: "\n") == [
                "tcp 200", "tcp metrics 404", "unix 200", "metrics 200", "metrics transaction 404",
                "ended 0", "the manager's socket file stays",
            ], "\(result.output)\(result.errors)")
    }

    @Test func `WATCHDOG=1 comes from the loops, and not while one hangs`() async throws {
        let script = Program.root.appending(path: "Tests/IntegrationTests/Harness/watchdog.py").path
        let result = try await Program.run(
            "python3", [script, Program.built("core-api")],
            environment: ["JWT_SECRET": APIServer.secret, "QUEUE": "memory"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(
            result.output.split(separator: "\n") == [
                "READY=1", "notices come", "a loop hangs: none comes", "notices come again",
                "ended 0", "none for another process",
            ], "\(result.output)\(result.errors)")
    }

    @Test func `a socket for another process is not used`() async throws {
        let others = ["QUEUE": "memory", "LISTEN_PID": "1", "LISTEN_FDS": "1"]
        try await APIServer.with(others) { server in
            let answer = try server.get("/health")
            #expect(answer.status == 200)
        }
    }

    @Test func `a service manager that cannot be notified is logged, and the server still serves`()
        async throws
    {
        let nowhere = ["QUEUE": "memory", "NOTIFY_SOCKET": "/no/such/socket"]
        try await APIServer.with(nowhere) { server in
            #expect(try server.get("/health").status == 200)
            try await eventually("it is logged") {
                server.program.errors.contains("the service manager cannot be notified")
            }
        }
    }
}
