internal import CoreAPIBase
internal import DequeModule

/// What Redis had confirmed and lacks now.
package struct LostConfirmations: Equatable, Sendable {
    /// The numbers that this Redis lacks.
    package let numbers: ClosedRange<Int>
    /// Whether this Redis confirmed them itself: then somebody removed them, or the session alone,
    /// and nothing is sent again.
    package let isSameRun: Bool
    /// The names of the messages that are sent again: the first word of each.
    package let replayed: [String]
}

extension ProducerSession {
    package enum LoginAction {
        /// Flush: the session is asked, or moved.
        case flush
        /// The session is ready: flush what waits.
        case ready([Resolution], LostConfirmations?)
        /// End the connection.
        case fail(RedisError)
    }

    /// The connection is logged in.
    ///
    /// - Parameter run: Redis's `run_id`; empty if it does not tell.
    package mutating func loggedIn(run: String) -> LoginAction {
        guard state == .disconnected else { preconditionFailure("loggedIn() when connected") }
        isSameRun = wasOpened && !run.isEmpty && run == self.run
        self.run = run
        state = .opening
        output.append(call.open(creates: !wasOpened))
        return .flush
    }

    /// The reply to `open` or `fence`.
    ///
    mutating func receivedForLogin(_ reply: RedisReply, now: MonotonicTime) -> LoginAction {
        switch (state, reply) {
        case (_, .error(let error)): return .fail(.server(error))
        case (.opening, .array(let elements)):
            guard elements.count == 3, case .integer(let number) = elements[0],
                case .integer(let seconds) = elements[1],
                case .integer(let microseconds) = elements[2],
                let standing = ProducerSession.number(number),
                0...ProducerSession.secondsMax ~= seconds, 0..<1_000_000 ~= microseconds
            else { return .fail(.protocolViolation) }
            let milliseconds = Int(seconds) * 1_000 + Int(microseconds) / 1_000
            clockOffset = milliseconds - now.wholeMilliseconds
            wasOpened = true
            return opened(standing.value, now)
        case (.fencing(let applied, _, let fence), .integer(let number)):
            if number == fence { return fenced(at: fence, applied: applied, now) }
            // A batch of the connection before has come between.
            guard let standing = ProducerSession.number(number) else {
                return .fail(.protocolViolation)
            }
            return opened(standing.value, now)
        default: return .fail(.protocolViolation)
        }
    }

    /// The year 9999: milliseconds of any later time need not fit.
    private static var secondsMax: Int64 { 253_402_300_799 }

    /// A session's number, in a box since it may be none (-1); nil for one that no session has.
    private static func number(_ value: Int64) -> (value: Int?, Void)? {
        guard -1...(1 << 53) ~= value else { return nil }
        return (value == -1 ? nil : Int(value), ())
    }

    /// Redis's number is known, nil for a session that is missing: ready at once if there is
    /// nothing to settle, else a fence keeps copies of earlier batches out.
    private mutating func opened(_ standing: Int?, _ now: MonotonicTime) -> LoginAction {
        var applied = standing
        if let attempted = attemptedFence, standing == attempted.fence {
            applied = attempted.applied
        }
        if unresolved.isEmpty, applied == confirmed, standing == next - 1 {
            attemptedFence = nil
            state = .ready
            return .ready([], nil)
        }
        let fence = max(next, (standing ?? 0) + 1)
        next = fence + 1
        attemptedFence = (applied, fence)
        state = .fencing(applied: applied, standing: standing, fence: fence)
        output.append(call.fence(from: standing, to: fence))
        return .flush
    }

    /// No copy of an earlier batch has any effect from now on: what Redis lacks is sent again.
    private mutating func fenced(
        at fence: Int, applied: Int?, _ now: MonotonicTime
    ) -> LoginAction {
        let lost = takeLost(after: applied ?? 0)
        var resolutions: [Resolution] = []
        var again: [Batch] = lost.batches
        while let batch = unresolved.popFirst() {
            settle(batch, applied: applied, now, &resolutions, &again)
        }
        for batch in again.reversed() { unsent.prepend(batch) }
        attemptedFence = nil
        confirmed = fence
        // The fence is a write of this connection, for which a barrier waits.
        needsBarrier = !answered.isEmpty
        state = .ready
        return .ready(resolutions, lost.confirmations)
    }

    /// What another Redis has confirmed, and this one lacks.
    private mutating func takeLost(
        after applied: Int
    ) -> (batches: [Batch], confirmations: LostConfirmations?) {
        let batches = history.take(after: applied, confirmedOutside: run)
        for batch in batches {
            pendingCount += batch.count
            pendingBytes += batch.byteCount
        }
        guard applied < confirmed else { return (batches, nil) }
        return (
            batches,
            LostConfirmations(
                numbers: applied + 1...confirmed, isSameRun: isSameRun,
                replayed: batches.flatMap { $0.names })
        )
    }

    /// What becomes of a batch whose reply was lost.
    private mutating func settle(
        _ batch: Batch, applied: Int?, _ now: MonotonicTime,
        _ resolutions: inout [Resolution], _ again: inout [Batch]
    ) {
        forget(batch)
        var batch = batch
        // A session that was removed from the same Redis does not tell what was applied.
        if applied == nil, isSameRun || run.isEmpty {
            for index in 0..<batch.count where !batch.messages[index].isKeyed {
                guard let waiter = batch.takeWaiter(index) else { continue }
                let failure = RedisFailure.mayBeExecuted(.sessionLost)
                resolutions.append(Resolution(waiter: waiter, result: .failure(failure)))
            }
        }
        let through = applied ?? 0
        // The record of a keyed message tells what became of it, so it is sent again in any case.
        let toRepeat = batch.filtered { index, message in
            message.waiter != nil && (message.isKeyed || batch.first + index > through)
        }
        if !toRepeat.isEmpty {
            remember(toRepeat)
            again.append(toRepeat)
        }
        for run in batch.runs(where: { index, message in
            !message.isKeyed && batch.first + index <= through
        }) {
            remember(run)
            let outcomes = [Outcome](repeating: .applied, count: run.count)
            if barrier == nil {
                confirm(run, outcomes, now, &resolutions)
            } else {
                answered.append((run, outcomes))
            }
        }
    }

    private mutating func remember(_ batch: Batch) {
        pendingCount += batch.count
        pendingBytes += batch.byteCount
    }
}
