import Foundation
import Testing

/// Connections beyond the limit: each gets a 503 or is closed; served callers are unaffected.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ConnectionBoundTests {
    private static let get = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"

    /// A connection that is served: it has had an answer, and is kept.
    private func served(_ server: APIServer) throws -> RawClient {
        let client = try RawClient(port: server.port)
        try client.send(ConnectionBoundTests.get)
        #expect(try client.readAnswer().status == 200)
        return client
    }

    private func expectRefusal(_ answer: Answer) {
        #expect(answer.status == 503)
        #expect(answer.body.contains("\"code\":\"overloaded\""))
        #expect(answer.fields["content-type"] == "application/problem+json")
        #expect(answer.fields["retry-after"].flatMap { Int($0) } != nil)
        #expect(answer.fields["connection"] == "close")
    }

    @Test func `a connection beyond the limit is refused unread, and later connections are served`()
        async throws
    {
        let environment = ["QUEUE": "memory", "MAX_CONNECTIONS": "3", "THREADS": "2"]
        try await APIServer.with(environment) { server in
            var held: [RawClient] = []
            for _ in 0..<3 { held.append(try served(server)) }
            let refused = try RawClient(port: server.port)
            expectRefusal(try refused.readAnswer())
            // Bytes sent after the refusal get no response, and do not destroy the refusal.
            try? refused.send(ConnectionBoundTests.get)
            #expect((try? refused.readSome()) ?? "" == "")
            #expect(server.program.errors.contains("overloaded: refusing"))
            for client in held {
                try client.send(APIServer.post(APIServer.body()))
                #expect(try client.readAnswer().status == 200)
            }
            held.removeLast()
            try await eventually("a place is free") { (try? served(server)) != nil }
        }
    }

    @Test func `refusals have a bound of their own: beyond it a connection is closed at once`()
        async throws
    {
        try await APIServer.with(["QUEUE": "memory", "MAX_CONNECTIONS": "1"]) { server in
            let holder = try served(server)
            // A refused connection that the caller keeps open lingers: one at a time.
            var ends: [String] = []
            var clients: [RawClient] = []
            try await eventually("somebody is closed at once") {
                let client = try RawClient(port: server.port)
                ends.append((try? client.readSome()) ?? "")
                clients.append(client)
                return ends.last == ""
            }
            let first = try #require(ends.first.flatMap { Answer($0) })
            expectRefusal(first)
            try holder.send(ConnectionBoundTests.get)
            #expect(try holder.readAnswer().status == 200)
        }
    }

    @Test func `idle connections at the operators' port make room for new ones`() async throws {
        let environment = ["QUEUE": "memory", "METRICS_PORT": "0", "MAX_CONNECTIONS": "8"]
        try await APIServer.with(environment) { server in
            let port = try await server.metricsPort()
            func answer(_ client: RawClient) throws -> Int {
                try client.send("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
                return try client.readAnswer().status
            }
            // Silent, kept alive, and in the midst of a head.
            for begun in ["", "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n", "GET /hea"] {
                var held: [RawClient] = []
                for _ in 0..<40 {
                    let client = try RawClient(port: port)
                    try client.send(begun)
                    held.append(client)
                    // One after another, as the connections of one turn are not idle yet.
                    #expect(try answer(try RawClient(port: port)) == 200)
                }
                let last = try RawClient(port: port)
                #expect(try answer(last) == 200)
                #expect(try held[0].readToEnd().hasPrefix("HTTP/1.1 503") == false)
                #expect(try answer(last) == 200)
            }
            #expect(!server.program.errors.contains("overloaded: refusing"))
        }
    }

    // MARK: - Open files

    @Test func `without MAX_CONNECTIONS, the limit of open files leaves a reserve for Redis`()
        async throws
    {
        try await RedisServer.with { redis in
            let environment = ["REDIS_URL": redis.url, "THREADS": "1"]
            try await APIServer.with(environment, after: "ulimit -n 40") { server in
                try await eventually("health passes") { try server.get("/health").status == 200 }
                // The served connections, then connections that get a 503, then closed connections.
                var held: [RawClient] = []
                var refused = 0
                for _ in 0..<60 {
                    let client = try RawClient(port: server.port)
                    held.append(client)
                    try? client.send(ConnectionBoundTests.get)
                    guard let answer = try? client.readAnswer() else { continue }
                    if answer.status != 200 {
                        expectRefusal(answer)
                        refused += 1
                    }
                }
                #expect(refused > 0)
                #expect(!server.program.errors.contains("no connection can be accepted"))
                redis.kill()
                func health() throws -> Int {
                    try held[0].send(ConnectionBoundTests.get)
                    return try held[0].readAnswer().status
                }
                try await eventually("health fails") { try health() == 503 }
                try await redis.start()
                try await eventually("health passes") { try health() == 200 }
                try held[0].send(APIServer.post(APIServer.body()))
                #expect(try held[0].readAnswer().status == 200)
            }
        }
    }

    @Test func `a full table of open files neither spins nor ends the server`() async throws {
        // The inherited descriptors exceed the reserve, so that accept4 fails.
        let shell =
            "ulimit -n 64 && for n in {10..40}; do eval \"exec $n</dev/null\"; done"
        let environment = ["QUEUE": "memory", "THREADS": "1"]
        try await APIServer.with(environment, after: shell) { server in
            var clients: [RawClient?] = []
            for _ in 0..<50 {
                let client = try RawClient(port: server.port)
                try client.send(ConnectionBoundTests.get)
                clients.append(client)
            }
            try await eventually("accepting fails") {
                server.program.errors.contains("no connection can be accepted")
            }
            try await eventually("it does not spin") { try sleeps(server.program.identifier) }
            // Each that ends makes room for one that waits.
            for index in clients.indices {
                #expect(try clients[index]?.readAnswer().status == 200)
                clients[index] = nil
            }
            #expect(try server.post(APIServer.body()).status == 200)
        }
    }

    /// Whether all threads of the process wait for something (proc(5)).
    private func sleeps(_ process: Int32) throws -> Bool {
        let tasks = "/proc/\(process)/task"
        return try FileManager.default.contentsOfDirectory(atPath: tasks).allSatisfy { task in
            let stat = try String(contentsOfFile: "\(tasks)/\(task)/stat", encoding: .utf8)
            return stat.split(separator: ")").last?.hasPrefix(" S") == true
        }
    }

    @Test func `the limit of open files is raised as far as the process may`() async throws {
        let environment = ["QUEUE": "memory", "THREADS": "1", "MAX_CONNECTIONS": "50"]
        let shell = "ulimit -Sn 20 && ulimit -Hn 100"
        try await APIServer.with(environment, after: shell) { server in
            let clients = try (0..<50).map { _ in try served(server) }
            #expect(clients.count == 50)
            expectRefusal(try RawClient(port: server.port).readAnswer())
        }
    }

    @Test(arguments: [
        (["MAX_CONNECTIONS": "1000"], ["MAX_CONNECTIONS", "1000", "100"]),
        (["THREADS": "64"], ["THREADS", "64", "100"]),
    ])
    func `a value above the limit of open files is one log line and status 78`(
        environment: [String: String], words: [String]
    ) async throws {
        let all = ["JWT_SECRET": "x", "THREADS": "1"].merging(environment) { $1 }
        let result = try await Program.run(
            "bash", ["-c", "ulimit -n 100 && exec '\(Program.built("core-api"))'"],
            environment: all)
        #expect(result.status == 78)
        #expect(result.errors.split(separator: "\n").count == 1)
        for word in words { #expect(result.errors.contains(word)) }
    }
}
