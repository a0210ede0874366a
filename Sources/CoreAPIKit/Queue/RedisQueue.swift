internal import CoreAPIBase
package import CoreAPIRedis
package import Logging
internal import Synchronization
internal import Tracing

/// The part that the queues in Redis share: it sends transactions over a producer session, and
/// reads, records and logs what becomes of them.
package final class RedisQueue: Sendable {
    /// What a queue is made with, besides its name.
    package struct Settings: Sendable {
        package var url: RedisURL
        package var producer = ProducerConnection.Options()
        package var logger: Logger
        /// The last refusals of Redis, for readiness; nil where readiness is not reported.
        package var refusals: QueueRefusals?
        /// What the queue keeps besides its transactions.
        package var features = QueueFeatures()
        /// As `QueueOptions.tracer`.
        var tracer: (any Tracer)?

        package init(url: RedisURL, logger: Logger) {
            self.url = url
            self.logger = logger
        }
    }

    /// The queue's connection.
    package let connection: ProducerConnection

    private let url: RedisURL
    private let logger: Logger
    private let metrics: QueueMetrics?
    private let refusals: QueueRefusals?
    private let warning = Mutex(WarningLimit())
    private let tracer: TransactionTracer

    /// - Parameters:
    ///   - partitions: of the queue, with the calls of their batches.
    ///   - kind: of the queue: `stream` or `rq`.
    ///   - name: of the queue, without its kind.
    init(
        _ partitions: ProducerPartitions, _ kind: String, name: String, on loop: EventLoop,
        _ settings: Settings
    ) {
        url = settings.url
        logger = settings.logger
        refusals = settings.refusals
        // As `QUEUE` has it.
        let metrics = QueueMetrics(settings.producer.metrics, queue: "\(kind):\(name)")
        self.metrics = metrics
        tracer = TransactionTracer(destination: name, tracer: settings.tracer)
        let log = QueueLossLog(url: settings.url, logger: settings.logger)
        connection = ProducerConnection(
            url: settings.url, partitions, on: loop, options: settings.producer,
            logger: settings.logger,
            onLoss: { losses in
                metrics?.record(losses)
                log.report(losses)
            })
    }

    /// Sends a transaction of a caller on the connection's loop.
    ///
    /// - Parameters:
    ///   - partition: of the queue, from 0.
    ///   - addKeys: adds the transaction's keys to the batch, and returns how many.
    ///   - addWords: adds its words, and returns how many.
    /// - Returns: what is known at once; nil if `pending` is resumed later.
    @inline(__always)
    func enqueue(
        _ pending: PendingTransaction, partition: Int = 0,
        keys addKeys: (inout RedisCommand) -> Int, words addWords: (inout RedisCommand) -> Int
    ) -> PendingTransaction.Outcome? {
        pending.wasSent(by: self, at: connection.time)
        let failure = connection.submit(
            for: pending, partition: partition, pending.traits, keys: addKeys, words: addWords)
        return failure.map { pending.outcome(of: .failure($0)) }
    }

    /// Waits for the outcome of a transaction of any task, within a span.
    ///
    /// - Parameter enqueue: is called on the connection's loop.
    func enqueue(
        _ transaction: Transaction, _ idempotencyKey: IdempotencyKey?,
        _ enqueue: @escaping @Sendable (PendingTransaction) -> PendingTransaction.Outcome?
    ) async throws(QueueError) -> EnqueueOutcome {
        try await tracer.publish(transaction) { transaction throws(QueueError) in
            try await outcome(of: transaction, idempotencyKey, enqueue).get()
        }
    }

    private func outcome(
        of transaction: Transaction, _ idempotencyKey: IdempotencyKey?,
        _ enqueue: @escaping @Sendable (PendingTransaction) -> PendingTransaction.Outcome?
    ) async -> PendingTransaction.Outcome {
        await Suspension.value { waiter in
            let pending = PendingTransaction(transaction, idempotencyKey) { _, outcome in
                waiter.resume(returning: outcome)
            }
            let isTaken = connection.onLoop {
                if let outcome = enqueue(pending) { waiter.resume(returning: outcome) }
            }
            // The queue was closed, and its loop is gone.
            if !isTaken { waiter.resume(returning: .failure(.unavailable(.closed))) }
        }
    }

    /// What the session's outcome means for the transaction.
    func outcome(
        of result: Result<ProducerOutcome, RedisFailure>, _ pending: PendingTransaction,
        since sent: MonotonicTime
    ) -> PendingTransaction.Outcome {
        let outcome = Result { () throws(QueueError) in try self.outcome(of: result, pending) }
        metrics?.record(outcome, nanoseconds: connection.time.nanoseconds(since: sent))
        refusals?.record(outcome)
        return outcome
    }

    private func outcome(
        of result: Result<ProducerOutcome, RedisFailure>, _ pending: PendingTransaction
    ) throws(QueueError) -> EnqueueOutcome {
        switch result {
        case .success(.applied): return .enqueued
        case .success(.told(let text)):
            guard let answer = RateLimitAnswer(text) else {
                throw .outcomeUnknown(.protocolViolation)
            }
            pending.allowance = answer.allowance
            switch answer.state {
            case .applied: return .enqueued
            case .limited: throw .rateLimited(retryAfterSeconds: answer.allowance.seconds)
            case .found: return try found(answer.record, pending)
            }
        case .success(.found(let text)): return try found(text, pending)
        case .failure(.notExecuted(let reason)):
            warn(of: reason)
            throw .unavailable(reason)
        case .failure(.mayBeExecuted(let reason)):
            warn(of: reason)
            throw .outcomeUnknown(reason)
        }
    }

    /// - Parameter text: of the record that was there before.
    private func found(
        _ text: [UInt8], _ pending: PendingTransaction
    ) throws(QueueError) -> EnqueueOutcome {
        let record = TransactionRecord(pending.transaction, pending.idempotencyKey)
        do { return try record.outcome(found: text) } catch {
            if case .unavailable = error, warning.withLock({ $0.isDue(now: .now()) }) {
                logger.warning(
                    "an idempotency record has foreign content: its transactions are refused",
                    metadata: ["redis": "\(url)", "user_id": "\(pending.transaction.userID)"])
            }
            throw error
        }
    }

    /// Logs an error reply of Redis, such as a missing right: callers do not see its text.
    private func warn(of reason: RedisError) {
        guard case .server(let reply) = reason, warning.withLock({ $0.isDue(now: .now()) })
        else { return }
        logger.warning(
            "Redis refuses transactions", metadata: ["redis": "\(url)", "reason": "\(reply)"])
    }
}
