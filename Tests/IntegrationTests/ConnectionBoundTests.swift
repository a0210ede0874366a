import CoreAPIKit
import Foundation
import Testing

/// More callers than there is room for: each is told so, or closed; nobody else suffers.
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

    @Test func `a connection beyond the bound is told so, unread, and there is room again later`()
        async throws
    {
        let environment = ["QUEUE": "memory", "MAX_CONNECTIONS": "3", "THREADS": "2"]
        try await APIServer.with(environment) { server in
            var held: [RawClient] = []
            for _ in 0..<3 { held.append(try served(server)) }
            let refused = try RawClient(port: server.port)
            expectRefusal(try refused.readAnswer())
            // What is sent all the same does not take the answer away, and has none.
            try? refused.send(ConnectionBoundTests.get)
            #expect((try? refused.readSome()) == "")
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
            // Refused callers who do not close linger: one of them at a time.
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
}
