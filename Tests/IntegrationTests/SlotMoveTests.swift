import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// A slot of a real cluster that takes longer to move than callers wait.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SlotMoveTests {
    /// A queue of one partition, whose slot moves.
    private struct Subject {
        let group: ClusterGroup
        let queue: StreamTransactionQueue
        let (source, target): (ClusterGroup.Node, ClusterGroup.Node)
        private(set) var ids: [String] = []

        init(_ group: ClusterGroup) async throws {
            self.group = group
            var options = QueueOptions()
            options.enqueueTimeout = .seconds(3)
            queue = try await StreamTransactionQueue(url: group.url, key: "s", options: options)
            source = try await group.master(of: "s")
            target = try await group.otherMaster(than: source)
        }

        /// Enqueues a transaction; with a key, if there is one.
        mutating func enqueue(_ key: String? = nil) async throws {
            let transaction = try ConsumerHarness.transaction()
            let outcome = try await queue.enqueue(
                transaction, idempotencyKey: key.flatMap { IdempotencyKey($0) })
            if outcome == .enqueued { ids.append("\(transaction.id)") }
        }

        func beginMove() async throws {
            try await group.beginMove(ofSlotOf: "s", from: source, to: target)
        }

        func moveKeys(_ start: String? = nil) async throws {
            try await group.moveKeys(
                ofSlotOf: "s", startingWith: start, from: source, to: target)
        }

        func endMove() async throws {
            try await group.endMove(ofSlotOf: "s", from: source, to: target)
        }

        func expectOnce() async throws {
            let reply = try await group.command(
                "XRANGE", "s", "-", "+", at: try await group.master(of: "s"))
            let words = RedisServer.flatten(reply)
            let found = words.indices.filter { words[$0] == "id" }.map { words[$0 + 1] }
            #expect(found.sorted() == ids.sorted())
        }
    }

    private func with(_ body: (inout Subject) async throws -> Void) async throws {
        var options = ClusterGroup.Options()
        options.replicas = 0
        try await ClusterGroup.with(options) { group in
            var subject = try await Subject(group)
            for number in 0..<5 { try await subject.enqueue("old-\(number)") }
            try await body(&subject)
            subject.queue.close()
        }
    }

    /// A transaction is refused in time, and not executed.
    private func expectRefused(_ queue: StreamTransactionQueue, _ key: String? = nil) async throws {
        do {
            _ = try await queue.enqueue(
                try ConsumerHarness.transaction(),
                idempotencyKey: key.flatMap { IdempotencyKey($0) })
            Issue.record("it was executed while its slot moves")
        } catch QueueError.unavailable {
            // Safe to retry.
        } catch QueueError.outcomeUnknown {
            // Its time was over while it was tried once more.
        }
    }

    /// Transactions without a key go on while one with a new key waits, and is refused.
    private func expectKeylessPass(_ subject: inout Subject) async throws {
        for _ in 0..<3 {
            try await subject.enqueue()
            let queue = subject.queue
            let refused = Task { try await expectRefused(queue, "new") }
            for _ in 0..<20 { try await subject.enqueue() }
            try await refused.value
        }
    }

    @Test func `while the keys are at the old master, transactions without a key go on`()
        async throws
    {
        try await with { subject in
            try await subject.beginMove()
            try await expectKeylessPass(&subject)
            // Its record is there, so the answer is.
            try await subject.enqueue("old-1")
            try await subject.moveKeys()
            try await subject.endMove()
            try await subject.enqueue("new")
            try await subject.expectOnce()
        }
    }

    @Test func `once the stream and the session have moved, they go on at the new master`()
        async throws
    {
        try await with { subject in
            try await subject.beginMove()
            try await subject.moveKeys("core-api:session:")
            // The stream is here and the session there.
            try await expectRefused(subject.queue)
            try await subject.moveKeys("s")
            try await expectKeylessPass(&subject)
            try await subject.moveKeys()
            try await subject.endMove()
            try await subject.enqueue("new")
            try await subject.enqueue("old-1")
            for _ in 0..<20 { try await subject.enqueue() }
            try await subject.expectOnce()
        }
    }

    @Test func `a move that is called off brings nobody to the wrong node`() async throws {
        try await with { subject in
            try await subject.beginMove()
            try await subject.moveKeys("core-api:session:")
            try await subject.moveKeys("s")
            try await subject.enqueue()
            try await subject.group.moveKeysBack(ofSlotOf: "s", subject.target, subject.source)
            try await subject.enqueue()
            try await subject.enqueue("new")
            try await subject.expectOnce()
        }
    }
}
