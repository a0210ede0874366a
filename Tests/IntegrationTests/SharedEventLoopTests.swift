import CoreAPIBase
import CoreAPIKit
import Foundation
import Testing

/// The threads of a program that embeds the Kit.
@Suite(.timeLimit(.minutes(10))) struct SharedEventLoopTests {
    /// The number of this process's threads with the name of the shared loop's thread.
    private func threadCount() throws -> Int {
        let folder = "/proc/self/task"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).map { task in
            // A thread of another test may end meanwhile.
            (try? String(contentsOfFile: "\(folder)/\(task)/comm", encoding: .utf8)) ?? ""
        }
        return names.filter { $0 == "\(SharedEventLoop.threadName)\n" }.count
    }

    @Test func `the queues and consumers of a program share one thread`() async throws {
        try await RedisServer.with { redis in
            let transaction = try Transaction(
                id: .random(), amount: try #require(Amount(1)),
                currency: try #require(CurrencyCode("EUR")), userID: 1, createdAt: .now())
            var queues: [any TransactionQueue] = []
            for number in 0..<3 {
                queues.append(try await StreamTransactionQueue(url: redis.url, key: "s\(number)"))
                queues.append(try await RQTransactionQueue(url: redis.url, name: "q\(number)"))
            }
            let consumer = try await TransactionConsumer(url: redis.url, key: "s0", group: "psp")
            for queue in queues { try await queue.enqueue(transaction) }
            #expect(try threadCount() == 1)
            var deliveries = consumer.makeAsyncIterator()
            #expect(try await deliveries.next()?.transaction.id == transaction.id)
        }
    }
}
