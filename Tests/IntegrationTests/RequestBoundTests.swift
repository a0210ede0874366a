import CoreAPIBase
import CoreAPIKit
import Foundation
import Synchronization
import Testing

@testable import CoreAPIHTTP
@testable import CoreAPIServer

/// The limits of one caller and one loop, made small enough to be reached.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RequestBoundTests {
    // MARK: - Requests in flight

    /// A queue that confirms when the test resumes it.
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

    @Test func `a transaction beyond the limit is refused before it is parsed`() async throws {
        let gate = Gate()
        try await LoopServer.with(queue: gate, inFlightMax: 2) { server in
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

    // MARK: - Callers that do not read

    private static let get = Array("GET /health HTTP/1.1\r\nHost: a\r\n\r\n".utf8)

    /// Sends requests until the server ends the connection, having read some of the answers if
    /// that is asked for: now and then, and far less than there is.
    private func flood(_ client: RawClient, reads: Bool) {
        var requests: [UInt8] = []
        for _ in 0..<1_000 { requests += RequestBoundTests.get }
        while (try? client.send(requests, atMost: 1_000)) != nil {
            if reads { _ = try? client.readSome(atMost: 1) }
        }
    }

    @Test(arguments: [false, true])
    func `a caller that reads an answer slowly or not at all is disconnected`(
        reads: Bool
    ) async throws {
        var limits = HTTPLimits()
        // Of the two bounds the one that is tested is short, the other longer than the test.
        limits.writeTimeoutMilliseconds = reads ? 3_600_000 : 100
        limits.answerTimeoutMilliseconds = reads ? 100 : 3_600_000
        try await LoopServer.with(limits) { server in
            let client = try RawClient(port: server.port)
            try client.send(RequestBoundTests.get)
            #expect(try client.readAnswer().status == 200)
            flood(client, reads: reads)
            try await eventually("the connection has ended") { server.count.servedNow == 0 }
        }
    }

    // MARK: - Callers that send slowly

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: a\r\nA: ",
        "POST /transaction HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n",
        "POST /transaction HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n",
    ])
    func `a caller that sends byte by byte has no more time than others`(start: String) async throws
    {
        var limits = HTTPLimits()
        limits.headTimeoutMilliseconds = 100
        limits.bodyTimeoutMilliseconds = 100
        try await LoopServer.with(limits) { server in
            let client = try RawClient(port: server.port)
            try client.send(start)
            while !client.isReadable(withinMilliseconds: 5) { try client.send("a") }
            let answer = try client.readAnswer()
            #expect(answer.status == 408)
            #expect(answer.fields["connection"] == "close")
        }
    }

    @Test func `the connection of a caller that sends nothing is closed without an answer`()
        async throws
    {
        var limits = HTTPLimits()
        limits.idleTimeoutMilliseconds = 100
        try await LoopServer.with(limits) { server in
            let silent = try RawClient(port: server.port)
            #expect(try silent.readSome() == "")
        }
    }

    // MARK: - Callers that send much

    /// A queue that keeps the amounts in the order in which they came, and never suspends.
    private final class Order: TransactionQueue {
        private let amounts = Mutex<[Int]>([])

        var all: [Int] { amounts.withLock { $0 } }

        func enqueue(
            _ transaction: Transaction, idempotencyKey: IdempotencyKey?
        ) async throws(QueueError) -> EnqueueOutcome {
            amounts.withLock { $0.append(transaction.amount.minorUnits) }
            return .enqueued
        }
    }

    @Test func `a flood on one connection leaves others their turn`() async throws {
        let order = Order()
        try await LoopServer.with(queue: order) { server in
            let flooding = try RawClient(port: server.port)
            let modest = try RawClient(port: server.port)
            for client in [flooding, modest] {
                try client.send(RequestBoundTests.get)
                #expect(try client.readAnswer().status == 200)
            }
            // The loop stands still until all of it has arrived.
            let arrived = DispatchSemaphore(value: 0)
            server.loop.submit { arrived.wait() }
            let token = APIServer.token()
            let flood = APIServer.post(APIServer.body(amount: 1, token: token))
            try flooding.send(String(repeating: flood, count: 100))
            try modest.send(APIServer.post(APIServer.body(amount: 2, token: token)))
            arrived.signal()
            #expect(try modest.readAnswer().status == 200)
            try await eventually("all of it is done") { order.all.count == 101 }
            let place = try #require(order.all.firstIndex(of: 2))
            #expect(place < 50, "before half of the flood")
        }
    }

    @Test func `a flood of connections is accepted whole, some in each turn`() async throws {
        try await LoopServer.with { server in
            let arrived = DispatchSemaphore(value: 0)
            server.loop.submit { arrived.wait() }
            let clients = try (0..<300).map { _ in try RawClient(port: server.port) }
            for client in clients { try client.send(RequestBoundTests.get) }
            arrived.signal()
            for client in clients { #expect(try client.readAnswer().status == 200) }
        }
    }
}
