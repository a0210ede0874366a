@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

/// The simulated callers: each expects one transaction for its request.
extension RedisSimulation {
    func submit(_ payment: SimulatedPayment) {
        let call = newCall(payment)
        let waiter = calls.count
        calls.append(call)
        unresolved.insert(waiter)
        tell("#\(waiter) submits \(call.id) \(call.recordKey)")
        switch machine.submitted(call.command, waiter, now: now) {
        case .flush: asksForFlush = true
        case .wait:
            outgoing.isWanted = true
            bringForward()
        case .reject(let failure): resolve(waiter, .failure(failure))
        }
        checkBounds()
    }

    private func newCall(_ payment: SimulatedPayment) -> SimulatedCall {
        var ping = RedisCommand()
        ping.add("PING")
        let queueKey = schedule.isJob ? "rq:queue:default" : "transactions"
        let base = { (transaction: Transaction?, record: TransactionRecord?, command) in
            SimulatedCall(
                payment: payment, transaction: transaction, record: record, queueKey: queueKey,
                command: command, submittedAt: self.now)
        }
        guard !payment.isPing, let amount = Amount(payment.amount),
            let currency = CurrencyCode("USD")
        else { return base(nil, nil, ping) }
        let transaction = Transaction(
            queued: TransactionID(high: random.next(), low: random.next()), amount: amount,
            currency: currency, userID: payment.userID,
            createdAt: UnixTime(nanoseconds: Int64(now.nanoseconds)), traceParent: nil)
        let record = TransactionRecord(transaction, payment.key)
        let command =
            schedule.isJob
            ? RQJob(transaction, queue: RQJob.Queue("default")).command(record)
            : StreamEntry(transaction).command(key: queueKey, record)
        return base(transaction, record, command)
    }

    func resolve(_ resolutions: [SimulatedMachine.Machine.Resolution]) {
        for resolution in resolutions { resolve(resolution.waiter, resolution.result) }
    }

    private func resolve(_ waiter: Int, _ result: Result<RedisReply, RedisFailure>) {
        guard unresolved.remove(waiter) != nil else {
            return violate("#\(waiter) is told twice")
        }
        let call = calls[waiter]
        let outcome = call.outcome(of: result)
        calls[waiter].outcome = outcome
        tell("#\(waiter) is told \(outcome)")
        check(call, outcome, waiter)
        guard !isClosed, call.payment.retries > 0 else { return }
        // A caller with a key tries again whenever it does not know better, one without only where
        // it is safe.
        if outcome == .notExecuted || (outcome == .mayBeExecuted && call.hasKey) {
            let pause = random.integer(10...1_000)
            after(pause, .submit(call.payment.again))
        }
    }

    // MARK: - Invariants at any time

    private func check(_ call: SimulatedCall, _ outcome: SimulatedCall.Outcome, _ waiter: Int) {
        let waited = now.milliseconds(since: call.submittedAt)
        let waitMax = schedule.limits.commandTimeoutMilliseconds
        if waited > waitMax + RedisSimulation.sweepMilliseconds {
            violate("#\(waiter) has waited for \(waited) ms")
        }
        let isFine = outcome != .notExecuted && outcome != .mayBeExecuted
        if call.payment.isProbe, !isFine { violate("#\(waiter) fails though all is in order") }
        if schedule.kind == .gentle, !isFine { violate("#\(waiter) notices a short outage") }
        switch outcome {
        case .enqueued where redis.enqueueings[call.id] == nil:
            violate("#\(waiter) is confirmed, and was not executed")
        case .notExecuted where redis.enqueueings[call.id] != nil:
            violate("#\(waiter) was executed, and is told that it was not")
        default: break
        }
    }

    func checkDeadlines() {
        let waitMax = schedule.limits.commandTimeoutMilliseconds + RedisSimulation.sweepMilliseconds
        for waiter in unresolved
        where now.milliseconds(since: calls[waiter].submittedAt) > waitMax {
            return violate("somebody waits for longer than a command has time")
        }
    }

    private func checkBounds() {
        let limits = schedule.limits
        let bytes = unresolved.reduce(0) { $0 + calls[$1].command.bytes.count }
        if unresolved.count > limits.pendingMax || bytes > limits.backlogBytesMax {
            violate("more is held than there may be")
        }
    }

    /// Every confirmed transaction has survived.
    func checkConfirmed() {
        let ids = Set(redis.log.compactMap(\.id))
        for (waiter, call) in calls.enumerated() {
            let confirmed: String? =
                switch call.outcome {
                case .enqueued: call.id
                case .replayed(let first): "\(first)"
                default: nil
                }
            if let confirmed, !ids.contains(confirmed) {
                violate("#\(waiter) was confirmed, and a crash has undone it")
            }
        }
    }

    // MARK: - Invariants at the end

    func checkEnd() {
        if !unresolved.isEmpty { violate("somebody waits for ever") }
        if !queue.isEmpty { violate("it does not end") }
        if !isClosed, !machine.isReady || min(machine.deadline, outgoing.deadline) != .never {
            violate("it has not come to rest")
        }
        var counts: [String: Int] = [:]
        var keyCounts: [String: Int] = [:]
        for write in redis.log {
            guard let id = write.id else { continue }
            counts[id, default: 0] += 1
            keyCounts[write.recordKey, default: 0] += 1
        }
        for (waiter, call) in calls.enumerated() {
            if keyCounts[call.recordKey, default: 0] > 1 {
                violate("\(call.recordKey) was enqueued twice")
            }
            checkEnd(call, waiter, counts)
        }
        checkContents()
    }

    private func checkEnd(_ call: SimulatedCall, _ waiter: Int, _ counts: [String: Int]) {
        let count = counts[call.id, default: 0]
        if count > 1 { violate("#\(waiter) is there \(count) times") }
        switch call.outcome {
        case .enqueued:
            if count != 1 { violate("#\(waiter) is confirmed, and is not there") }
        case .replayed(let first):
            if counts["\(first)"] != 1 { violate("#\(waiter) is a replay of nothing") }
            if count != 0 { violate("#\(waiter) is a replay, and is there itself") }
        case .keyReused:
            if count != 0 { violate("#\(waiter) is refused, and is there") }
        case .notExecuted:
            if redis.enqueueings[call.id] != nil {
                violate("#\(waiter) was executed after it was told that it was not")
            }
        case .mayBeExecuted, .pong, nil: break
        }
    }

    /// Checks that a caller submitted every enqueued transaction.
    private func checkContents() {
        var texts: [String: String] = [:]
        for call in calls { texts[call.id] = call.recordText }
        for write in redis.log {
            if let id = write.id, texts[id] != write.record { violate("\(id) was changed") }
        }
    }
}
