import CoreAPIKit
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import TransactionService

struct TransactionRoutesTests {
    private let queue: InMemoryTransactionQueue

    init() throws { queue = try InMemoryTransactionQueue(capacity: 1) }

    /// One request to the routes, without a socket.
    private func post(
        _ body: String, token: String = "token-of-alice", key: String = "key"
    ) async throws -> TestResponse {
        let alice = try TokenClaims(userID: 1, isEnabled: true)
        let verifier = FixedTokenVerifier(["token-of-alice": alice])
        let application = TransactionService.application(
            intake: TransactionIntake(verifier: verifier, queue: queue))
        let keyField = try #require(HTTPField.Name("Idempotency-Key"))
        return try await application.test(.router) { client in
            try await client.execute(
                uri: "/transactions", method: .post,
                headers: [.authorization: "Bearer \(token)", keyField: "\"\(key)\""],
                body: ByteBuffer(string: body))
        }
    }

    @Test func `a transaction that is posted twice is enqueued once`() async throws {
        let body = #"{"amount": 100, "currency": "USD"}"#
        #expect(try await post(body).status == .created)
        #expect(try await post(body).status == .ok)
        let transaction = try #require(queue.take())
        #expect(transaction.amount.minorUnits == 100)
        #expect(transaction.userID == 1)
        #expect(queue.take() == nil)
    }

    @Test(arguments: [
        ("{", HTTPResponse.Status.badRequest),
        (#"{"amount": 0, "currency": "USD"}"#, .unprocessableContent),
        (#"{"amount": 100, "currency": "XAU"}"#, .unprocessableContent),
        (#"{"amount": 100, "currency": "USD", "token": "another"}"#, .badRequest),
    ])
    func `an invalid transaction is refused`(
        body: String, status: HTTPResponse.Status
    ) async throws {
        #expect(try await post(body).status == status)
        #expect(queue.transactions.isEmpty)
    }

    @Test func `an invalid token is refused`() async throws {
        let answer = try await post(#"{"amount": 100, "currency": "USD"}"#, token: "forged")
        #expect(answer.status == .unauthorized)
        #expect(answer.headers[.wwwAuthenticate] == "Bearer")
    }

    @Test func `a full queue and a key of another transaction are refused`() async throws {
        #expect(try await post(#"{"amount": 1, "currency": "USD"}"#).status == .created)
        let other = #"{"amount": 2, "currency": "USD"}"#
        #expect(try await post(other).status == .unprocessableContent)
        let answer = try await post(other, key: "another-key")
        #expect(answer.status == .serviceUnavailable)
        #expect(answer.headers[.retryAfter] == "1")
    }
}
