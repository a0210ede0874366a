internal import CoreAPIBase
internal import DequeModule

extension ProducerSession {
    enum LoginAction {
        /// Flush: the session is moved.
        case flush
        /// The session is ready: flush what waits.
        case ready(Resolutions, LostConfirmations?)
        /// End the connection.
        case fail(RedisError)
    }

    /// The connection is logged in: flush.
    package mutating func loggedIn() {
        precondition(
            state == .disconnected && awaited.isEmpty, "loggedIn() before lost() was called")
        state = .opening
        ask()
    }

    /// Asks the session's Redis where it stands.
    mutating func ask() {
        if asks { output.add("ASKING") }
        output.append(call.open)
    }

    /// Whether the session was last used with this Redis, which has lost nothing since then.
    private var isSameRun: Bool { !run.isEmpty && run == settledRun }

    /// The reply to `open` or `fence`.
    mutating func receivedForLogin(_ reply: RedisReply, now: MonotonicTime) -> LoginAction {
        switch (state, reply) {
        case (_, .error(let error)): return .fail(.server(secrets.stripped(error)))
        case (.opening, .array(let elements)):
            guard elements.count == (call.tellsOfEach ? 5 : 4),
                case .integer(let number) = elements[0],
                case .integer(let seconds) = elements[1],
                case .integer(let microseconds) = elements[2], case .bulk(let run) = elements[3],
                ProducerSession.numbers ~= number,
                0...ProducerSession.secondsMax ~= seconds, 0..<1_000_000 ~= microseconds
            else { return .fail(.protocolViolation) }
            let milliseconds = Int(seconds) * 1_000 + Int(microseconds) / 1_000
            if call.tellsOfEach {
                guard let refused = ProducerSession.refusals(elements[4]) else {
                    return .fail(.protocolViolation)
                }
                self.refused = refused
            }
            self.run = String(decoding: run, as: UTF8.self)
            clockOffset = milliseconds - now.wholeMilliseconds
            return opened(number, now)
        case (.fencing(let standing, let fence), .integer(let number)):
            if number == fence { return fenced(at: fence, now) }
            guard ProducerSession.numbers ~= number else { return .fail(.protocolViolation) }
            guard number > standing else {
                // Redis was a replica meanwhile, and has another's data: the next login asks again.
                return .fail(.server(RedisServerError(message: "SESSION went back")))
            }
            // A batch or fence of the connection before has come between.
            if call.tellsOfEach {
                // It may have had messages refused.
                state = .opening
                ask()
                return .flush
            }
            return opened(number, now)
        default: return .fail(.protocolViolation)
        }
    }

    /// The numbers in the last element of the reply to `openWithRefusals`; nil for another one.
    private static func refusals(_ reply: RedisReply) -> Set<Int>? {
        guard case .array(let elements) = reply else { return nil }
        var numbers: Set<Int> = []
        for element in elements {
            guard case .bulk(let text) = element,
                let number = Int(String(decoding: text, as: UTF8.self))
            else { return nil }
            numbers.insert(number)
        }
        return numbers
    }

    /// The year 9999: milliseconds of any later time need not fit.
    private static var secondsMax: Int64 { 253_402_300_799 }

    /// What a session may stand at, or `foreign`, or -1 if it is missing.
    private static var numbers: ClosedRange<Int64> {
        foreign...Int64(ProducerScripts.numberMax)
    }

    /// Instead of a number: the session's key holds none.
    private static var foreign: Int64 { -2 }

    /// Redis's number is known, negative for a session that is missing: ready at once if there is
    /// nothing to settle, else a fence keeps copies of earlier batches out. Foreign content of the
    /// key is as good as no session, and is replaced by the fence.
    private mutating func opened(_ number: Int64, _ now: MonotonicTime) -> LoginAction {
        // A number that was never sent and leaves little room for further ones is foreign, too.
        let isForeign =
            number == ProducerSession.foreign || number >= max(next, ProducerScripts.numberMax / 2)
        if isForeign { hadForeignContent = true }
        let standing = number < 0 || isForeign ? nil : Int(number)
        if standing == nil, mayHaveExpired(now) { confirmed = 0 }
        let parent = parent(standing)
        if isSameRun, unresolved.isEmpty, standing == next - 1, parent != nil {
            state = .ready
            return .ready(.none, nil)
        }
        let fence = max(next, (standing ?? 0) + 1)
        next = fence + 1
        lineage.append(fence: fence, after: parent)
        if standing != nil { lineage.saw(run: run) }
        state = .fencing(standing: number, fence: fence)
        if asks { output.add("ASKING") }
        output.append(call.fence(from: number, to: fence))
        return .flush
    }

    /// Whether Redis has removed the session since it was not used: then its absence does not tell
    /// that anything else is lost. A minute less than the lifetime, since clocks differ.
    private func mayHaveExpired(_ now: MonotonicTime) -> Bool {
        let lifetime = (ProducerScripts.lifetimeSeconds - 60) * 1_000
        return usedAt.advanced(byMilliseconds: lifetime) <= now
    }

    /// The number from which follows what this Redis has applied; nil without one.
    private func parent(_ standing: Int?) -> Int? {
        guard let standing else {
            // A Redis that never had the session has a state from before it. From one that had it,
            // the session was evicted or removed: its messages are there, or not.
            return lineage.hasSeen(run: run) ? nil : 0
        }
        // A number that was never sent, or one that was removed and came back.
        guard standing < next else { return nil }
        if isSameRun, lineage.applied(at: standing).contains(confirmed) != true { return nil }
        return standing
    }

    /// No copy of an earlier batch has any effect from now on: what Redis lacks is sent again.
    private mutating func fenced(at fence: Int, _ now: MonotonicTime) -> LoginAction {
        var applied = lineage.applied(at: fence)
        applied.refused = refused
        let lost = takeLost(applied, now)
        var resolutions = Resolutions.none
        var again: [Batch] = lost.batches
        while let batch = unresolved.popFirst() {
            settle(batch, applied, now, &resolutions, &again)
        }
        // A message that was applied is settled before an earlier one with a key: both may be lost.
        unsent = Deque(Batch.inOrder(again + unsent, countMax: limits.batchMax))
        let latest = applied.latest(notAbove: confirmed)
        confirmed = applied.contains(latest) == true ? latest : fence
        // The fence is a write of this connection, for which a barrier waits.
        needsBarrier = !answered.isEmpty
        settledRun = run
        usedAt = now
        lineage.saw(run: run)
        state = .ready
        return .ready(resolutions, lost.confirmations)
    }

    /// What another Redis has confirmed, and this one lacks.
    private mutating func takeLost(
        _ applied: ProducerApplied, _ now: MonotonicTime
    ) -> (batches: [Batch], confirmations: LostConfirmations?) {
        var batches = history.take(notIn: applied)
        let latest = applied.latest(notAbove: confirmed)
        guard latest < confirmed || !batches.isEmpty else { return ([], nil) }
        let first = min(latest + 1, batches.map(\.first).min() ?? .max)
        let last = max(confirmed, batches.map(\.last).max() ?? 0)
        let names = batches.flatMap(\.names)
        if isSameRun { batches = [] }
        for index in batches.indices {
            batches[index].setConfirmed(
                deadline: now.advanced(byMilliseconds: limits.historyMilliseconds))
            batches[index].endNumbers()
            remember(batches[index])
        }
        // Of a Redis whose number tells nothing, everything may be lost.
        let forgottenEnd =
            applied.contains(confirmed) == nil
            ? confirmed : min(history.forgottenThrough, confirmed)
        let confirmations = LostConfirmations(
            numbers: first...last,
            count: names.count + lineage.messageCount(from: latest + 1, through: forgottenEnd),
            isSameRun: isSameRun, replayed: isSameRun ? [] : names)
        return (batches, confirmations)
    }

    /// What becomes of a batch whose reply was lost.
    private mutating func settle(
        _ batch: Batch, _ applied: ProducerApplied, _ now: MonotonicTime,
        _ resolutions: inout Resolutions, _ again: inout [Batch]
    ) {
        forget(batch)
        var batch = batch
        // What another Redis than this one may have applied, it may come back with.
        let isElsewhere = !batch.isRefused && !batch.isDenied && (batch.run != run || run.isEmpty)
        let isApplied = batch.messages.indices.map { batch.isApplied($0, in: applied) }
        for index in batch.messages.indices {
            if isElsewhere || isApplied[index] != false { batch.setMayBeExecuted(index) }
            guard isApplied[index] == nil, !batch.messages[index].isKeyed else { continue }
            if batch.messages[index].isConfirmed {
                givenUp.append(GivenUpMessage(batch.names[index], .sessionLost))
            }
            guard let waiter = batch.takeWaiter(index) else { continue }
            let failure = RedisFailure.mayBeExecuted(.sessionLost)
            resolutions.append(Resolution(waiter: waiter, result: .failure(failure)))
        }
        for run in batch.runs(where: { !$1.isKeyed && isApplied[$0] == true }) {
            remember(run)
            let outcomes = ProducerOutcomes(applied: run.count)
            if barrier == nil {
                confirm(run, outcomes, now, &resolutions)
            } else {
                answered.append((run, outcomes))
            }
        }
        batch.endNumbers()
        // The outcome of a keyed message is in its record, so it is sent again in any case.
        let toRepeat = batch.filtered { index, message in
            (message.waiter != nil || message.isConfirmed)
                && (message.isKeyed || isApplied[index] == false)
        }
        guard !toRepeat.isEmpty else { return }
        remember(toRepeat)
        again.append(toRepeat)
    }

    mutating func remember(_ batch: Batch) {
        pendingCount += batch.unconfirmedCount
        pendingBytes += batch.unconfirmedBytes
    }
}
