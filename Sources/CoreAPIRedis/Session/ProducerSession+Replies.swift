package import CoreAPIBase
internal import DequeModule

extension ProducerSession {
    package enum ReplyAction {
        case none
        /// Something waits to be sent.
        case flush
        /// As `flush`, with outcomes.
        case resolve([Resolution])
        /// The login has ended: flush, and log what was lost.
        case ready([Resolution], LostConfirmations?)
        /// End the connection.
        case fail(RedisError)
    }

    /// The next reply of Redis.
    package mutating func received(_ reply: RedisReply, now: MonotonicTime) -> ReplyAction {
        switch state {
        case .disconnected: preconditionFailure("received() before loggedIn()")
        case .opening, .fencing:
            switch receivedForLogin(reply, now: now) {
            case .flush: return .flush
            case .ready(let resolutions, let lost): return .ready(resolutions, lost)
            case .fail(let error): return .fail(error)
            }
        case .ready, .draining:
            guard let first = awaited.popFirst() else { return .fail(.protocolViolation) }
            switch first {
            case .barrier: return receivedForBarrier(reply, now)
            case .batch(let batch): return receivedForBatch(reply, batch, now)
            }
        }
    }

    // MARK: - Batches

    private mutating func receivedForBatch(
        _ reply: RedisReply, _ batch: Batch, _ now: MonotonicTime
    ) -> ReplyAction {
        switch reply {
        case .integer(let number) where number == batch.last:
            return applied(
                batch, [Outcome](repeating: .applied, count: batch.count), error: nil, now)
        case .array(let elements):
            guard let answer = BatchAnswer(elements, batch) else {
                awaited.prepend(.batch(batch))
                return .fail(.protocolViolation)
            }
            if let error = answer.error, error.isPassing {
                awaited.prepend(.batch(batch))
                return .fail(.server(error))
            }
            return applied(batch, answer.outcomes, error: answer.error, now)
        case .error(let error):
            if case .draining = state, error.message == ProducerScripts.gap {
                unsent.append(batch)
                return endDraining([])
            }
            if error.isPassing {
                awaited.prepend(.batch(batch))
                return .fail(.server(error))
            }
            return applied(batch, [], error: error, now)
        case .integer, .status, .bulk, .null:
            awaited.prepend(.batch(batch))
            return .fail(.protocolViolation)
        }
    }

    /// The first messages of the batch are applied; the rest are refused with the error.
    private mutating func applied(
        _ batch: Batch, _ outcomes: [Outcome], error: RedisServerError?, _ now: MonotonicTime
    ) -> ReplyAction {
        var resolutions: [Resolution] = []
        var done = batch
        if let error {
            forget(batch)
            for index in outcomes.count..<batch.count {
                guard let waiter = done.takeWaiter(index) else { continue }
                let failure = RedisFailure.notExecuted(.server(error))
                resolutions.append(Resolution(waiter: waiter, result: .failure(failure)))
            }
            done = done.filtered { index, _ in index < outcomes.count }
            done.first = batch.first
            pendingCount += done.count
            pendingBytes += done.byteCount
            if case .ready = state { state = .draining(free: batch.first + outcomes.count) }
        }
        if done.isEmpty {
            forget(done)
        } else if barrier == nil {
            confirm(done, outcomes, now, &resolutions)
        } else {
            answered.append((done, outcomes))
        }
        if case .draining = state { return endDraining(resolutions) }
        return resolutions.isEmpty ? .none : .resolve(resolutions)
    }

    /// Sends again once everything that was sent is answered: the numbers behind the message that
    /// was refused are free, since this connection has no other copy of them under way.
    private mutating func endDraining(_ resolutions: [Resolution]) -> ReplyAction {
        guard case .draining(let free) = state else { return .resolve(resolutions) }
        let waits = awaited.contains { if case .batch = $0 { true } else { false } }
        if !waits {
            next = free
            state = .ready
            // The batches that were sent behind it come before those that never were.
            let again = unsent.filter { $0.first > 0 }.sorted { $0.first < $1.first }
            unsent = Deque(again) + unsent.filter { $0.first == 0 }
        }
        return resolutions.isEmpty ? .flush : .resolve(resolutions)
    }

    /// The batch is confirmed: its waiters are told, and it is kept for a while.
    package mutating func confirm(
        _ batch: Batch, _ outcomes: [Outcome], _ now: MonotonicTime,
        _ resolutions: inout [Resolution]
    ) {
        forget(batch)
        var batch = batch
        resolutions.reserveCapacity(resolutions.count + batch.count)
        for (index, outcome) in outcomes.enumerated() {
            guard let waiter = batch.takeWaiter(index) else { continue }
            resolutions.append(Resolution(waiter: waiter, result: .success(outcome)))
        }
        confirmed = max(confirmed, batch.last)
        (batch.run, batch.confirmedAt) = (run, now)
        history.append(batch)
        history.expire(before: now)
    }

    // MARK: - Barriers

    private mutating func receivedForBarrier(
        _ reply: RedisReply, _ now: MonotonicTime
    ) -> ReplyAction {
        awaitsBarrier = false
        guard let barrier else { preconditionFailure("receivedForBarrier() without a barrier") }
        if case .error(let error) = reply {
            if error.isPassing { return .fail(.server(error)) }
            return .resolve(failAnswered(.server(error)))
        }
        guard barrier.isReached(by: reply) else {
            // A replica may come back before the messages' time is over.
            needsBarrier = needsBarrier || answered.contains { $0.batch.deadline > now }
            return .resolve(failAnswered(.durabilityNotReached, before: now))
        }
        var resolutions: [Resolution] = []
        while let (batch, outcomes) = answered.popFirst() {
            confirm(batch, outcomes, now, &resolutions)
        }
        return resolutions.isEmpty ? .flush : .resolve(resolutions)
    }

    /// Tells the waiters of what Redis has applied, and does not make safe; those alone whose time
    /// is over, if a time is given.
    private mutating func failAnswered(
        _ error: RedisError, before now: MonotonicTime? = nil
    ) -> [Resolution] {
        var resolutions: [Resolution] = []
        var waiting: Deque<(batch: Batch, outcomes: [Outcome])> = []
        while let first = answered.popFirst() {
            var batch = first.batch
            for index in 0..<batch.count {
                if let now, batch.messages[index].deadline > now { continue }
                guard let waiter = batch.takeWaiter(index) else { continue }
                resolutions.append(
                    Resolution(waiter: waiter, result: .failure(.mayBeExecuted(error))))
            }
            if batch.deadline == .never {
                forget(batch)
            } else {
                waiting.append((batch, first.outcomes))
            }
        }
        answered = waiting
        return resolutions
    }
}

/// The reply to a batch of which not every message was simply applied.
private struct BatchAnswer<Waiter> {
    /// Of the messages that were applied, or found.
    let outcomes: [ProducerSession<Waiter>.Outcome]
    /// The reason why the next message was refused; nil if none was.
    let error: RedisServerError?

    /// - Parameter elements: the number of the last message applied, an error or nothing, then the
    ///   index (from 0) and the text of each record that was found.
    init?(_ elements: [RedisReply], _ batch: ProducerBatch<Waiter>) {
        guard elements.count >= 2, elements.count.isMultiple(of: 2),
            case .integer(let number) = elements[0], case .bulk(let text) = elements[1],
            batch.first - 1...batch.last ~= Int(clamping: number)
        else { return nil }
        let count = Int(number) - batch.first + 1
        var outcomes = [ProducerSession<Waiter>.Outcome](repeating: .applied, count: count)
        for position in stride(from: 2, to: elements.count, by: 2) {
            guard case .integer(let index) = elements[position],
                case .bulk(let record) = elements[position + 1], 0..<count ~= Int(clamping: index)
            else { return nil }
            outcomes[Int(index)] = .found(record)
        }
        self.outcomes = outcomes
        error =
            text.isEmpty
            ? nil : RedisServerError(message: String(decoding: text, as: UTF8.self))
        guard error != nil || number == batch.last else { return nil }
    }
}
