import CoreAPIBase
import CoreAPIKit
import Foundation
import Testing

/// The status of jobs that real workers of python-rq run, of each version.
@Suite(.serialized, .timeLimit(.minutes(10))) struct StatusWorkerTests {
    @Test(arguments: RQWorker.majors)
    func `a job that succeeds, fails, dies or is put back has the status that is true`(
        version: String
    ) async throws {
        try await RedisServer.with { redis in
            var options = QueueOptions()
            options.statusSeconds = 1_234
            let queue = try await RQTransactionQueue(url: redis.url, options: options)
            let statuses = try RedisTransactionStatusStore(url: redis.url, rqQueue: "default")
            let worker = try StatusWorker(version, redis)
            for word in [StatusWorker.Word.succeed, .fail, .die] {
                let transaction = try ConsumerHarness.transaction()
                func expect(_ state: TransactionStatus.State, attempts: Int) async throws {
                    try await eventually("\(state) after \(word)") {
                        try await statuses.status(of: transaction.id, userID: 1)?.state == state
                    }
                    let status = try await statuses.status(of: transaction.id, userID: 1)
                    // rq 1.10 does not count executions.
                    if version != "rq-1.10.0" { #expect(status?.attempts == attempts) }
                    #expect(status?.createdAt == transaction.createdAt)
                }
                try await queue.enqueue(transaction)
                try await worker.begins()
                try await expect(.processing, attempts: 1)
                try await worker.say(word)
                if word == .succeed {
                    try await expect(.processed, attempts: 1)
                    let left = try await redis.command("TTL", "rq:job:\(transaction.id)")
                    guard case .integer(let seconds) = left else { return }
                    #expect((1_000...1_234).contains(seconds))
                    continue
                }
                try await expect(.failed, attempts: 1)
                try await StatusWorker.requeue(version, redis)
                try await worker.begins()
                try await expect(.processing, attempts: 2)
                try await worker.say(.succeed)
                try await expect(.processed, attempts: 2)
            }
        }
    }

    @Test func `a job that waits again after it has failed is queued`() async throws {
        try await RedisServer.with { redis in
            let queue = try await RQTransactionQueue(url: redis.url)
            let statuses = try RedisTransactionStatusStore(url: redis.url, rqQueue: "default")
            let transaction = try ConsumerHarness.transaction()
            try await queue.enqueue(transaction)
            for version in RQWorker.majors {
                do {
                    let worker = try StatusWorker(version, redis)
                    try await worker.begins()
                    try await worker.say(.fail)
                    try await eventually("it has failed") {
                        try await statuses.status(of: transaction.id, userID: 1)?.state == .failed
                    }
                }
                try await StatusWorker.requeue(version, redis)
                #expect(try await statuses.status(of: transaction.id, userID: 1)?.state == .queued)
            }
            // Another queue's job is not this queue's.
            let other = try RedisTransactionStatusStore(url: redis.url, rqQueue: "other")
            #expect(try await other.status(of: transaction.id, userID: 1) == nil)
        }
    }
}
