import CoreAPIBase
import CoreAPIHTTP
import CoreAPIKit
import Foundation
import TestKeys
import Testing

/// Signatures by public keys take long: see SlowSteps.
@Suite(.timeLimit(.minutes(2))) struct SlowTokenTests {
    private static let keySet =
        #"{"keys":[{"kty":"EC","crv":"P-521","x":"ACGq5un02UMjID3-i5nMSlt0aS7eQ8mhBGRazG8j0HsB"#
        + #"DqVmXs9nsBq4SqwglDFb-2NhMutBEQ3MdQJbfKQf9a76","#
        + #""y":"ADkyydJAGGM8FN2gyLQ9iZzHzumeNxc48Sx6IUJvoIHu"#
        + #"M_Y9SlSLHzD91VNjnLfvUImMFZ0NfcdXjCtJ0AVxxquo"}]}"#
    private static let expiry = UnixTime(seconds: UnixTime.now().wholeSeconds + 3_600)

    private func token(_ user: Int) throws -> String {
        try TokenIssuer(privateKey: Array(TestKeys.p521.utf8)).issue(
            userID: user, username: "a", expiresAt: Self.expiry)
    }

    private func verifier() throws -> any TokenVerifier {
        KeySetTokenVerifier(keySet: try JSONWebKeySet(parsing: Self.keySet))
    }

    /// The next answers of pipelined requests.
    private func answers(_ client: RawClient, _ count: Int) throws -> [Answer] {
        var (text, answers): (String, [Answer]) = ("", [])
        while answers.count < count {
            if let answer = Answer(text) {
                text = answer.rest
                answers.append(answer)
            } else {
                text += try client.readSome()
            }
        }
        return answers
    }

    @Test func `quick requests are answered before a burst of slow ones`() async throws {
        let (connections, requests) = (32, 16)
        let queue = try InMemoryTransactionQueue(capacity: connections * requests)
        try await LoopServer.with(queue: queue, verifier: try verifier()) { server in
            let post = APIServer.post(APIServer.body(amount: 1, token: try token(1)))
            let clients = try (0..<connections).map { _ in try RawClient(port: server.port) }
            let probe = try RawClient(port: server.port)
            let quick = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
            try probe.send(quick)
            #expect(try probe.readAnswer().status == 200)
            // The loop stands still until all of it has arrived.
            let arrived = DispatchSemaphore(value: 0)
            server.loop.submit { arrived.wait() }
            for client in clients { try client.send(String(repeating: post, count: requests)) }
            try probe.send(quick)
            arrived.signal()
            #expect(try probe.readAnswer().status == 200)
            let fresh = try RawClient(port: server.port)
            try fresh.send(quick)
            #expect(try fresh.readAnswer().status == 200)
            #expect(queue.transactions.count < connections * requests / 2)
            for client in clients {
                let statuses = try answers(client, requests).map(\.status)
                #expect(statuses == [Int](repeating: 200, count: requests))
            }
        }
    }

    @Test func `pipelined requests with slow tokens are answered in order`() async throws {
        let queue = try InMemoryTransactionQueue(capacity: 100)
        try await LoopServer.with(queue: queue, verifier: try verifier()) { server in
            let client = try RawClient(port: server.port)
            let token = try token(1)
            let requests = (1...20).map { amount in
                APIServer.post(
                    APIServer.body(amount: amount, token: amount % 5 == 0 ? "a.b.c" : token))
            }
            try client.send(requests.joined())
            for (index, answer) in try answers(client, 20).enumerated() {
                let amount = index + 1
                #expect(answer.status == (amount % 5 == 0 ? 401 : 200))
                if amount % 5 != 0 { #expect(answer.body.contains("\"amount\":\(amount),")) }
            }
        }
    }
}
