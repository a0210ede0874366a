package import CoreAPIBase
internal import DequeModule

extension ProducerSession {
    /// The connection is gone: returns those whose time is over.
    package mutating func lost(_ error: RedisError, now: MonotonicTime) -> [Resolution] {
        for (batch, _) in answered { unresolved.append(batch) }
        for case .batch(let batch) in awaited { unresolved.append(batch) }
        answered = []
        awaited = []
        (awaitsBarrier, needsBarrier) = (false, false)
        output.removeAll()
        written = 0
        state = .disconnected
        return expire(now, error)
    }

    /// Ends every wait.
    package mutating func failAll(_ error: RedisError) -> [Resolution] {
        expire(.never, error)
    }

    /// When the next wait is over, or the oldest confirmed batch need not be kept any more.
    package var deadline: MonotonicTime { min(waitDeadline, history.deadline) }

    private var waitDeadline: MonotonicTime {
        func earliest(_ batches: Deque<Batch>) -> MonotonicTime {
            for batch in batches where batch.deadline < .never { return batch.deadline }
            return .never
        }
        if let deadline = answered.first(where: { $0.batch.deadline < .never })?.batch.deadline {
            return deadline
        }
        for case .batch(let batch) in awaited where batch.deadline < .never {
            return min(batch.deadline, earliest(unresolved))
        }
        return min(earliest(unresolved), min(earliest(unsent), gathering.deadline))
    }

    /// Tells those whose time is over: `mayBeExecuted` if their batch was sent, since its reply may
    /// still come, else `notExecuted`, and then they are not sent.
    package mutating func expire(_ now: MonotonicTime, _ error: RedisError) -> [Resolution] {
        history.expire(before: now)
        var resolutions: [Resolution] = []
        for index in answered.indices {
            abandon(&answered[index].batch, now, .mayBeExecuted(error), &resolutions)
        }
        for index in unresolved.indices {
            abandon(&unresolved[index], now, .mayBeExecuted(error), &resolutions)
        }
        for index in awaited.indices {
            guard case .batch(var batch) = awaited[index], batch.deadline <= now else { continue }
            awaited[index] = .barrier
            abandon(&batch, now, .mayBeExecuted(error), &resolutions)
            awaited[index] = .batch(batch)
        }
        for index in unsent.indices {
            unsent[index] = remaining(of: unsent[index], now, error, &resolutions)
        }
        unsent.removeAll(where: \.isEmpty)
        gathering = remaining(of: gathering, now, error, &resolutions)
        return resolutions
    }

    private func abandon(
        _ batch: inout Batch, _ now: MonotonicTime, _ failure: RedisFailure,
        _ resolutions: inout [Resolution]
    ) {
        guard batch.deadline <= now else { return }
        for index in 0..<batch.count where batch.messages[index].deadline <= now {
            guard let waiter = batch.takeWaiter(index) else { continue }
            resolutions.append(Resolution(waiter: waiter, result: .failure(failure)))
        }
    }

    /// As `abandon`, for a batch that is not under way: without its waiters nothing of it is sent.
    private mutating func remaining(
        of batch: Batch, _ now: MonotonicTime, _ error: RedisError,
        _ resolutions: inout [Resolution]
    ) -> Batch {
        guard batch.deadline <= now else { return batch }
        var abandoned = batch
        abandon(&abandoned, now, .notExecuted(error), &resolutions)
        // A message that is sent again after its confirmation never had a waiter here.
        let rest = abandoned.filtered { index, message in
            message.waiter != nil || batch.messages[index].waiter == nil
        }
        pendingCount += rest.count - batch.count
        pendingBytes += rest.byteCount - batch.byteCount
        return rest
    }
}
