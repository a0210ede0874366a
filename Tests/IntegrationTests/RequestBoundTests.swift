import CoreAPIKit
import Foundation
import Synchronization
import Testing

@testable import CoreAPIServer

/// What one caller, or one loop, may use up: with bounds that are small enough to be reached.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RequestBoundTests {
    // MARK: - Requests in flight

    /// A queue that confirms when it is told to.
    private final class Gate: TransactionQueue {
        private let waiters = Mutex<[Suspension<Void>]>([])

        var count: Int { waiters.withLock { $0.count } }

        func enqueue(
            _ transaction: Transaction, idempotencyKey: IdempotencyKey?
        ) async throws(QueueError) -> EnqueueOutcome {
            await Suspension<Void>.value { waiter in waiters.withLock { $0.append(waiter) } }
            return .enqueued
        }

        func open() {
            let opened = waiters.withLock { waiters in
                defer { waiters = [] }
                return waiters
            }
            for waiter in opened { waiter.resume(returning: ()) }
        }
    }

    @Test func `beyond its bound, a transaction is refused before it is looked at`() async throws {
        var limits = HTTPLimits()
        limits.requestsInFlightMax = 2
        let gate = Gate()
        try await LoopServer.with(limits, queue: gate) { server in
            defer { gate.open() }
            let clients = try (0..<2).map { _ in try RawClient(port: server.port) }
            for client in clients { try client.send(APIServer.post(APIServer.body())) }
            try await eventually("two are in flight") { gate.count == 2 }
            let third = try RawClient(port: server.port)
            for body in [APIServer.body(), "no JSON", "{}"] {
                try third.send(APIServer.post(body))
                let answer = try third.readAnswer()
                #expect(answer.status == 503)
                #expect(answer.body.contains("\"code\":\"overloaded\""))
                #expect(answer.fields["retry-after"].flatMap { Int($0) } != nil)
                #expect(answer.fields["connection"] == nil, "the connection goes on")
            }
            try third.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try third.readAnswer().status == 200)
            gate.open()
            for client in clients { #expect(try client.readAnswer().status == 200) }
            try third.send(APIServer.post("no JSON"))
            #expect(try third.readAnswer().status == 400)
            try third.send(APIServer.post(APIServer.body()))
            try await eventually("it is in flight") { gate.count == 1 }
            gate.open()
            #expect(try third.readAnswer().status == 200)
        }
    }
}
