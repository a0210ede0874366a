package import CoreAPIBase
internal import DequeModule

extension ProducerSession {
    /// The connection is gone: returns those whose time is over.
    package mutating func lost(_ error: RedisError, now: MonotonicTime) -> [Resolution] {
        for (batch, _) in answered { unresolved.append(batch) }
        for (batch, _) in denied { unresolved.append(batch) }
        // Those that were sent behind a message that was refused come before those without a reply.
        unresolved += returned
        for case .batch(let batch) in awaited { unresolved.append(batch) }
        // Redis may have what was sent before, and was to be sent again.
        for var batch in unsent where batch.hasFormerNumbers {
            batch.isRefused = true
            unresolved.append(batch)
        }
        unsent.removeAll(where: \.hasFormerNumbers)
        answered = []
        denied = []
        returned = []
        awaited = []
        inFlightCount = 0
        (awaitsBarrier, needsBarrier) = (false, false)
        output.removeAll()
        written = 0
        state = .disconnected
        keyedOrder = .asSubmitted
        return expire(now, error)
    }

    /// The connection is closed for good, behind `lost`: what was to be sent again is given up.
    mutating func giveUpConfirmed() {
        for batch in Array(unresolved) + Array(unsent) {
            for index in batch.messages.indices where batch.messages[index].isConfirmed {
                givenUp.append(GivenUpMessage(batch.names[index], .closed))
            }
        }
    }

    /// Ends every wait. What is confirmed is kept: a Redis that refuses a login may lack it.
    package mutating func failAll(_ error: RedisError) -> [Resolution] {
        endWaits(.never, error)
    }

    /// When the next wait is over, or the oldest confirmed batch need not be kept any more.
    package var deadline: MonotonicTime {
        hasRedis ? min(waitDeadline, history.deadline) : waitDeadline
    }

    /// Whether Redis has told what it has: without it, what is confirmed is kept for longer, since
    /// an outage ends with what Redis has lost.
    private var hasRedis: Bool {
        switch state {
        case .ready, .draining: true
        case .disconnected, .opening, .fencing: false
        }
    }

    /// Looks at every batch, since those that are sent again need not be in the order of their
    /// deadlines.
    private var earliestDeadline: MonotonicTime {
        var deadline = gathering.deadline
        for (batch, _) in answered { deadline = min(deadline, batch.deadline) }
        for (batch, _) in denied { deadline = min(deadline, batch.deadline) }
        for case .batch(let batch) in awaited { deadline = min(deadline, batch.deadline) }
        for batches in [returned, unresolved, unsent] {
            for batch in batches { deadline = min(deadline, batch.deadline) }
        }
        return deadline
    }

    /// Ends the waits whose time is over: with `mayBeExecuted` if the batch was sent, since its
    /// reply may still come, else with `notExecuted`, and then the message is not sent.
    package mutating func expire(_ now: MonotonicTime, _ error: RedisError) -> [Resolution] {
        if hasRedis { history.expire(before: now) }
        return endWaits(now, error)
    }

    private mutating func endWaits(_ now: MonotonicTime, _ error: RedisError) -> [Resolution] {
        var resolutions: [Resolution] = []
        for index in answered.indices {
            abandon(&answered[index].batch, now, .mayBeExecuted(error), error, &resolutions)
        }
        for index in denied.indices {
            abandon(&denied[index].batch, now, .mayBeExecuted(error), error, &resolutions)
        }
        for index in unresolved.indices {
            let isRefused = unresolved[index].isRefused || unresolved[index].isDenied
            let failure: RedisFailure = isRefused ? .notExecuted(error) : .mayBeExecuted(error)
            abandon(&unresolved[index], now, failure, error, &resolutions)
        }
        for batch in unresolved where batch.isAbandoned { forget(batch) }
        unresolved.removeAll(where: \.isAbandoned)
        for index in awaited.indices {
            guard case .batch(var batch) = awaited[index], batch.deadline <= now else { continue }
            awaited[index] = .barrier
            abandon(&batch, now, .mayBeExecuted(error), error, &resolutions)
            awaited[index] = .batch(batch)
        }
        for index in unsent.indices {
            unsent[index] = remaining(of: unsent[index], now, error, &resolutions)
        }
        unsent.removeAll(where: \.isEmpty)
        for index in returned.indices {
            abandon(&returned[index], now, .notExecuted(error), error, &resolutions)
        }
        if !returned.isEmpty { returned = Deque(returned.flatMap { wanted($0) }) }
        gathering = remaining(of: gathering, now, error, &resolutions)
        waitDeadline = earliestDeadline
        return resolutions
    }

    private func abandon(
        _ batch: inout Batch, _ now: MonotonicTime, _ failure: RedisFailure, _ error: RedisError,
        _ resolutions: inout [Resolution]
    ) {
        guard batch.deadline <= now else { return }
        for index in 0..<batch.count where batch.messages[index].deadline <= now {
            guard let waiter = batch.takeWaiter(index) else { continue }
            let failure = batch.messages[index].mayBeExecuted ? .mayBeExecuted(error) : failure
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
        abandon(&abandoned, now, .notExecuted(error), error, &resolutions)
        let rest = abandoned.filtered { _, message in message.waiter != nil || message.isConfirmed }
        forget(batch)
        remember(rest)
        return rest
    }

    /// The parts of the batch, with their numbers, that have waiters or were confirmed; the rest is
    /// forgotten.
    mutating func wanted(_ batch: Batch) -> [Batch] {
        let parts = batch.runs { _, message in message.waiter != nil || message.isConfirmed }
        forget(batch)
        for part in parts { remember(part) }
        return parts
    }
}
