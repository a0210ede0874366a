import CoreAPIBase
import Dispatch
import Glibc
import Synchronization
import Testing

@testable import CoreAPIHTTP
@testable import CoreAPIRedis
@testable import CoreAPIServer

/// A drain under load: every accepted request is answered, and every answer is true.
@Suite(.serialized, .timeLimit(.minutes(10))) struct DrainTests {
    /// The answers to all callers.
    private final class Seen: Sendable {
        let accepted = Atomic(0)
        let refused = Atomic(0)
        let running = Atomic(0)
    }

    /// Posts one transaction after the other, so many at a time, until the server ends the
    /// connection, or an answer says that it will.
    private static func post(to port: UInt16, _ request: String, atATime count: Int, _ seen: Seen) {
        defer { seen.running.subtract(1, ordering: .releasing) }
        guard let client = try? RawClient(port: port) else { return }
        let requests = String(repeating: request, count: count)
        var text = ""
        while (try? client.send(requests)) != nil {
            for _ in 0..<count {
                while Answer(text) == nil {
                    guard let more = try? client.readSome(), !more.isEmpty else { return }
                    text += more
                }
                guard let answer = Answer(text) else { return }
                text = answer.rest
                if answer.status == 200 {
                    seen.accepted.add(1, ordering: .relaxed)
                } else {
                    seen.refused.add(1, ordering: .relaxed)
                }
                if answer.fields["connection"] == "close" { return }
            }
        }
    }

    @Test func `under load a signal loses no answer: there are as many as transactions`()
        async throws
    {
        try await RedisServer.with { redis in
            for round in 1...3 {
                let environment = [
                    "REDIS_URL": redis.url, "QUEUE": "stream:s\(round)", "THREADS": "2",
                ]
                try await APIServer.with(environment) { server in
                    let seen = Seen()
                    let request = APIServer.post(APIServer.body())
                    let port = server.port
                    // One at a time, and pipelined: then more has arrived when the end comes.
                    for number in 0..<20 {
                        seen.running.add(1, ordering: .relaxed)
                        try Thread.start {
                            DrainTests.post(to: port, request, atATime: number % 2 * 4 + 1, seen)
                        }
                    }
                    try await eventually("there is load") {
                        seen.accepted.load(ordering: .relaxed) > 500
                    }
                    server.program.signal(SIGTERM)
                    #expect(try await server.program.status() == 0)
                    try await eventually("all callers have ended") {
                        seen.running.load(ordering: .acquiring) == 0
                    }
                    let accepted = seen.accepted.load(ordering: .relaxed)
                    #expect(seen.refused.load(ordering: .relaxed) == 0)
                    #expect(
                        try await redis.command("XLEN", "s\(round)") == .integer(Int64(accepted)))
                }
            }
        }
    }

    @Test func `a caller that sends a request too late is not reset, and keeps its last answer`()
        async throws
    {
        var limits = HTTPLimits()
        limits.lingerTimeoutMilliseconds = 3_600_000
        limits.lingerTotalMilliseconds = 3_600_000
        try await LoopServer.with(limits) { server in
            let client = try RawClient(port: server.port)
            let get = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
            try client.send(get)
            try await eventually("it is answered") { server.count.servedNow == 1 }
            server.drain()
            // The answer, and then the end.
            #expect(try client.readToEnd().hasPrefix("HTTP/1.1 200 OK\r\n"))
            for _ in 0..<3 {
                try client.send(get)
                #expect(try client.readSome() == "", "an end, not an error")
            }
        }
    }

    @Test func `a request that has arrived when the server ends is answered`() async throws {
        try await LoopServer.with { server in
            let get = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
            let clients = try (0..<300).map { _ in try RawClient(port: server.port) }
            for client in clients {
                try client.send(get)
                #expect(try client.readAnswer().status == 200)
            }
            // The loop stands still: the end is asked for first, and all requests arrive before it.
            let arrived = DispatchSemaphore(value: 0)
            server.loop.submit { arrived.wait() }
            server.drain()
            for client in clients { try client.send(get) }
            arrived.signal()
            for client in clients {
                let text = try client.readToEnd()
                #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
                #expect(text.contains("\r\nConnection: close\r\n"))
            }
        }
    }

    @Test func `a second signal ends the server at once`() async throws {
        try await RedisServer.with { redis in
            let environment = [
                "REDIS_URL": redis.url, "THREADS": "1", "ENQUEUE_TIMEOUT": "30",
            ]
            try await APIServer.with(environment) { server in
                try await eventually("health passes") { try server.get("/health").status == 200 }
                // Without an answer of Redis the request would be in flight for 30 seconds.
                redis.pause()
                defer { redis.resume() }
                let busy = try RawClient(port: server.port)
                try busy.send(APIServer.post(APIServer.body()))
                try await eventually("the server has read the request") {
                    try server.get("/health/live").status == 200
                }
                server.program.signal(SIGTERM)
                try await eventually("the server drains") {
                    server.program.errors.contains("\"message\":\"draining")
                }
                server.program.signal(SIGTERM)
                #expect(try await server.program.status() == 0)
                #expect(
                    server.program.errors.contains(
                        "ended without a complete drain: a second signal"))
                #expect((try? busy.readSome()) ?? "" == "")
            }
        }
    }
}
