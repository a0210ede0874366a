package import CoreAPIBase
internal import DequeModule

extension ProducerSession {
    package enum ReplyAction {
        case none
        /// Something waits to be sent.
        case flush
        /// As `flush`, with outcomes.
        case resolve(Resolutions)
        /// The login has ended: flush, and log what was lost.
        case ready(Resolutions, LostConfirmations?)
        /// End the connection: no reply that follows belongs to anything.
        case fail(RedisError)
    }

    /// The next reply of Redis.
    package mutating func received(_ reply: RedisReply, now: MonotonicTime) -> ReplyAction {
        let action = action(for: reply, now)
        if case .fail = action { state = .disconnected }
        return action
    }

    private mutating func action(for reply: RedisReply, _ now: MonotonicTime) -> ReplyAction {
        switch state {
        case .disconnected: return .fail(.protocolViolation)
        case .opening, .fencing:
            switch receivedForLogin(reply, now: now) {
            case .flush: return .flush
            case .ready(let resolutions, let lost): return .ready(resolutions, lost)
            case .fail(let error): return .fail(error)
            }
        case .ready, .draining:
            guard let first = awaited.popFirst() else { return .fail(.protocolViolation) }
            switch consume first {
            case .barrier: return receivedForBarrier(reply, now)
            case .standing: return receivedForStanding(reply, now)
            case .batch(let batch):
                inFlightCount -= 1
                // The hot path.
                if case .integer(let number) = reply, number == batch.last, state == .ready,
                    barrier == nil
                {
                    var resolutions = Resolutions.none
                    confirmAll(consume batch, now, &resolutions)
                    return resolutions.isEmpty ? .none : .resolve(resolutions)
                }
                return received(reply, for: batch, now)
            }
        }
    }

    // MARK: - Batches

    /// The reply to a batch. One that ends the connection leaves the batch without an answer.
    @inline(never) private mutating func received(
        _ reply: RedisReply, for batch: Batch, _ now: MonotonicTime
    ) -> ReplyAction {
        let action = receivedForBatch(reply, batch, now)
        if case .fail = action {
            var batch = batch
            if case .error = reply { batch.isDenied = true }
            batch.isRefused = BatchAnswer.refusesAll(
                reply, batch, tellsOfEach: call.tellsOfEach)
            awaited.prepend(.batch(batch))
            inFlightCount += 1
        }
        return action
    }

    private mutating func receivedForBatch(
        _ reply: RedisReply, _ batch: Batch, _ now: MonotonicTime
    ) -> ReplyAction {
        switch reply {
        case .integer(let number) where number == batch.last:
            return applied(batch, ProducerOutcomes(applied: batch.count), refusal: nil, now)
        case .array(let elements):
            guard let answer = BatchAnswer(elements, batch, tellsOfEach: call.tellsOfEach) else {
                return .fail(.protocolViolation)
            }
            return applied(batch, answer.outcomes, refusal: answer.refusal, now)
        case .error(let error):
            if case .draining = state, error.message == ProducerScripts.gap {
                var batch = batch
                batch.isRefused = true
                returned += wanted(batch)
                return endDraining(.none)
            }
            // Redis's own words are believed; others a proxy may answer that has lost its server.
            if error.kind == .other { return denied(batch, secrets.stripped(error), now) }
            return applied(
                batch, ProducerOutcomes(applied: 0), refusal: BatchRefusal(error: error), now)
        case .integer, .status, .bulk, .null: return .fail(.protocolViolation)
        }
    }

    /// The first messages of the batch are applied; the next one is refused, and those behind it
    /// unless the refusal is its own.
    private mutating func applied(
        _ batch: Batch, _ outcomes: ProducerOutcomes, refusal: BatchRefusal?, _ now: MonotonicTime
    ) -> ReplyAction {
        // Behind a message that was refused, nothing can be applied.
        if case .draining = state, outcomes.count > 0 { return .fail(.protocolViolation) }
        var resolutions = Resolutions.none
        var done = batch
        if let refusal {
            let error = secrets.stripped(refusal.error)
            let refused =
                outcomes.count..<(refusal.isOwn ? outcomes.count + 1 : batch.count)
            // The next login settles what passes. What was confirmed before is sent again until it
            // is applied, unless a key of its own is the reason: time does not mend that.
            let mustBeApplied =
                !refusal.isOwn && batch.messages[refused].contains { $0.mustBeApplied(now) }
            if error.isPassing || mustBeApplied { return .fail(.server(error)) }
            done = refuse(batch, refused, error, &resolutions)
            if state == .ready { state = .draining(free: batch.first + outcomes.count) }
        }
        if !done.isEmpty {
            if barrier == nil {
                confirm(done, outcomes, now, &resolutions)
            } else {
                answered.append((done, outcomes))
            }
        }
        if case .draining = state { return endDraining(resolutions) }
        return resolutions.isEmpty ? .none : .resolve(resolutions)
    }

    /// The answer to the batch is an error that names no reason of Redis. Once everything that was
    /// sent is answered, the session's number tells whether the batch was executed all the same.
    private mutating func denied(
        _ batch: Batch, _ error: RedisServerError, _ now: MonotonicTime
    ) -> ReplyAction {
        // The next login asks, too.
        if error.isPassing || batch.messages.contains(where: { $0.mustBeApplied(now) }) {
            return .fail(.server(error))
        }
        denied.append((batch, error))
        if state == .ready { state = .draining(free: batch.first) }
        return endDraining(.none)
    }

    /// The reply to the question where the session stands, behind all that was sent.
    private mutating func receivedForStanding(
        _ reply: RedisReply, _ now: MonotonicTime
    ) -> ReplyAction {
        guard case .draining(let free) = state else { return .fail(.protocolViolation) }
        if case .error(let error) = reply { return .fail(.server(secrets.stripped(error))) }
        // Another number than that before the first one denied: the login settles what was sent.
        guard case .array(let elements) = reply, case .integer(let number)? = elements.first,
            number == free - 1
        else { return .fail(.protocolViolation) }
        var resolutions = Resolutions.none
        for (batch, error) in exchange(&denied, with: []) {
            _ = refuse(batch, 0..<batch.count, error, &resolutions)
        }
        return endDraining(resolutions)
    }

    /// Ends the waits of the messages of the range. Those behind it are sent again; returns the
    /// batch of those before it.
    private mutating func refuse(
        _ batch: Batch, _ range: Range<Int>, _ error: RedisServerError,
        _ resolutions: inout Resolutions
    ) -> Batch {
        var refused = batch
        for index in range {
            let message = batch.messages[index]
            if message.isConfirmed {
                givenUp.append(GivenUpMessage(batch.names[index], .refused))
            }
            guard let waiter = refused.takeWaiter(index) else { continue }
            let failure: RedisFailure =
                message.mayBeExecuted
                ? .mayBeExecuted(.server(error)) : .notExecuted(.server(error))
            resolutions.append(Resolution(waiter: waiter, result: .failure(failure)))
        }
        forget(batch)
        var done = batch.filtered { index, _ in index < range.lowerBound }
        (done.first, done.run) = (batch.first, batch.run)
        remember(done)
        var rest = batch.filtered { index, _ in index >= range.upperBound }
        guard !rest.isEmpty else { return done }
        (rest.first, rest.run, rest.isRefused) = (batch.first + range.upperBound, batch.run, true)
        remember(rest)
        returned += wanted(rest)
        return done
    }

    /// Sends again once everything that was sent is answered: the numbers behind the message that
    /// was refused are free, since this connection has no other copy of them under way.
    private mutating func endDraining(_ resolutions: Resolutions) -> ReplyAction {
        guard case .draining(let free) = state else { return .resolve(resolutions) }
        let waits = awaited.contains { if case .barrier = $0 { false } else { true } }
        if !waits, !denied.isEmpty {
            ask()
            awaited.append(.standing)
        } else if !waits {
            next = free
            state = .ready
            while let batch = returned.popLast() { unsent.prepend(batch) }
        }
        return resolutions.isEmpty ? .flush : .resolve(resolutions)
    }

    /// As `confirm`, for a batch of which every message is applied.
    @inline(__always)
    private mutating func confirmAll(
        _ batch: consuming Batch, _ now: MonotonicTime, _ resolutions: inout Resolutions
    ) {
        forget(batch)
        batch.takeWaiters(&resolutions)
        confirmed = max(confirmed, batch.last)
        history.append(batch, at: now)
        history.expire(before: now)
        reuse(batch)
    }

    /// The batch is confirmed: its waiters get their results, and it is kept for a while.
    mutating func confirm(
        _ batch: Batch, _ outcomes: ProducerOutcomes, _ now: MonotonicTime,
        _ resolutions: inout Resolutions
    ) {
        if outcomes.areAllApplied { return confirmAll(batch, now, &resolutions) }
        forget(batch)
        var batch = batch
        resolutions.reserve(outcomes.count)
        for index in 0..<outcomes.count {
            guard let waiter = batch.takeWaiter(index) else { continue }
            var result = Result<Outcome, RedisFailure>.success(outcomes[index])
            if outcomes[index].isRefused, batch.messages[index].mayBeExecuted {
                // Another Redis may come back with it.
                result = .failure(.mayBeExecuted(.sessionLost))
            }
            resolutions.append(Resolution(waiter: waiter, result: result))
        }
        confirmed = max(confirmed, batch.last)
        // A message that found the record of another was not applied itself. One that a rule has
        // refused is not sent again, though another Redis may have applied it before.
        for run in batch.runs(where: { index, message in
            outcomes[index].isApplied || message.isConfirmed
                || message.mayBeExecuted && !outcomes[index].isRefused
        }) { history.append(run, at: now) }
        history.expire(before: now)
    }

    // MARK: - Barriers

    private mutating func receivedForBarrier(
        _ reply: RedisReply, _ now: MonotonicTime
    ) -> ReplyAction {
        awaitsBarrier = false
        if case .error(let error) = reply {
            let error = secrets.stripped(error)
            if error.isPassing { return .fail(.server(error)) }
            return .resolve(failAnswered(.server(error), now))
        }
        guard let barrier, barrier.isReached(by: reply) else {
            hasMissedBarrier = true
            // A replica may come back before the messages' time is over.
            let resolutions = failAnswered(.durabilityNotReached, now, before: now)
            needsBarrier = needsBarrier || !answered.isEmpty
            return .resolve(resolutions)
        }
        var resolutions = Resolutions.none
        while let (batch, outcomes) = answered.popFirst() {
            confirm(batch, outcomes, now, &resolutions)
        }
        return resolutions.isEmpty ? .flush : .resolve(resolutions)
    }

    /// Ends the waits for messages that Redis has applied and does not make safe; with a time, only
    /// the waits that are over by then.
    private mutating func failAnswered(
        _ error: RedisError, _ now: MonotonicTime, before end: MonotonicTime = .never
    ) -> Resolutions {
        var resolutions = Resolutions.none
        var waiting: Deque<(batch: Batch, outcomes: ProducerOutcomes)> = []
        while let (batch, outcomes) = answered.popFirst() {
            var batch = batch
            for index in 0..<batch.count where batch.messages[index].deadline <= end {
                guard let waiter = batch.takeWaiter(index) else { continue }
                resolutions.append(
                    Resolution(waiter: waiter, result: .failure(.mayBeExecuted(error))))
            }
            guard batch.deadline == .never else {
                waiting.append((batch, outcomes))
                continue
            }
            forget(batch)
            // What was confirmed before is as safe as it was then.
            for run in batch.runs(where: { $1.isConfirmed }) { history.append(run, at: now) }
        }
        answered = waiting
        return resolutions
    }
}

/// The reason why the next message of a batch was refused.
private struct BatchRefusal {
    let error: RedisServerError
    /// Whether a key of that message alone is the reason.
    var isOwn = false
}

/// The reply to a batch of which not every message was simply applied.
private struct BatchAnswer<Waiter> {
    /// Of the messages that were applied, or found.
    let outcomes: ProducerOutcomes
    /// Nil if no message was refused.
    let refusal: BatchRefusal?

    /// Whether Redis has answered that it takes nothing of the batch.
    static func refusesAll(
        _ reply: RedisReply, _ batch: ProducerBatch<Waiter>, tellsOfEach: Bool
    ) -> Bool {
        guard case .array(let elements) = reply,
            let answer = BatchAnswer(elements, batch, tellsOfEach: tellsOfEach)
        else { return false }
        return answer.refusal != nil && answer.outcomes.count == 0
    }

    /// - Parameter elements: the number of the last message applied, an error or nothing, then the
    ///   index (from 0) and the text of each record that was found, or of each message where the
    ///   script tells of each.
    init?(_ elements: [RedisReply], _ batch: ProducerBatch<Waiter>, tellsOfEach: Bool) {
        guard elements.count >= 2, elements.count.isMultiple(of: 2),
            case .integer(let number) = elements[0], case .bulk(let text) = elements[1],
            batch.first - 1...batch.last ~= Int(number)
        else { return nil }
        let count = Int(number) - batch.first + 1
        var outcomes = ProducerOutcomes(applied: count)
        for position in stride(from: 2, to: elements.count, by: 2) {
            guard case .integer(let index) = elements[position],
                case .bulk(let record) = elements[position + 1], 0..<count ~= Int(index),
                tellsOfEach || batch.messages[Int(index)].isKeyed
            else { return nil }
            outcomes.set(tellsOfEach ? .told(record) : .found(record), at: Int(index))
        }
        self.outcomes = outcomes
        guard text.isEmpty == (number == batch.last) else { return nil }
        let message = String(decoding: text, as: UTF8.self)
        let isOwn = message.hasPrefix(ProducerScripts.ownMark)
        let reason = isOwn ? String(message.dropFirst(ProducerScripts.ownMark.count)) : message
        refusal =
            text.isEmpty
            ? nil : BatchRefusal(error: RedisServerError(message: reason), isOwn: isOwn)
    }
}

extension ProducerSession.ReplyAction: Equatable where Waiter: Equatable {}
