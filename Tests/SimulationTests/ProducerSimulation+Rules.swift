import DequeModule

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// What was promised.
extension ProducerSimulation {
    func resolve(_ index: Int, _ result: Result) {
        let message = schedule.messages[index]
        var result = result
        if breakage == .promisesTooMuch, case .failure(.mayBeExecuted(let error)) = result {
            result = .failure(.notExecuted(error))
        }
        if case .success(.told(let text)) = result { result = .success(read(text)) }
        tell("\(message.id) is told \(result)")
        guard outcomes.updateValue(result, forKey: index) == nil else {
            return violate("\(message.id) is told twice")
        }
        if case .success = result {
            if result == .success(.applied), appliedCounts[message.id] == nil {
                violate("\(message.id) is confirmed, and was not applied")
            }
            if result == .success(.limited), appliedCounts[message.id] != nil {
                violate("\(message.id) was applied, and is told that it is over the limit")
            }
            checkReplica(message.id, result)
        } else if message.isProbe || schedule.kind == .gentle {
            violate("\(message.id) fails though all is in order")
        }
    }

    /// What a script that tells of each message says of one.
    private func read(_ text: [UInt8]) -> ProducerOutcome {
        switch text.first {
        case ProducerOutcome.appliedMark: .applied
        case ProducerOutcome.refusedMark: .limited
        default: .found(Array(text.split(separator: UInt8(ascii: " ")).last ?? []))
        }
    }

    /// With a barrier, what was confirmed was at a replica.
    private func checkReplica(_ id: String, _ result: Result) {
        guard schedule.barrier != nil, schedule.kind == .gentle || schedule.kind == .removals,
            result == .success(.applied)
        else { return }
        let acknowledged = nodes.filter { !$0.isMaster }.map(\.acknowledged).max() ?? 0
        let isThere = master.steps.prefix(acknowledged).joined().contains {
            if case .entry(let entry, _) = $0 { entry == id } else { false }
        }
        if !isThere { violate("\(id) is confirmed, and no replica has it") }
    }

    /// A message was applied, at any Redis. Its waiter may know by then that it may be, but not for
    /// longer than it had time.
    func applied(_ id: String) {
        appliedCounts[id, default: 0] += 1
        if let index = schedule.messages.firstIndex(where: { $0.id == id }),
            outcomes[index] == .success(.limited)
        {
            violate("\(id) is applied after it was told that it is over the limit")
        }
        guard appliedCounts[id] == 1,
            let index = schedule.messages.firstIndex(where: { $0.id == id }),
            let time = submittedAt[index], case .failure? = outcomes[index],
            !schedule.faults.contains(where: { $0.1 == .jump })
        else { return }
        let waited = now.milliseconds(since: time)
        if waited > schedule.limits.messageTimeoutMilliseconds
            + VirtualTime.sweepMilliseconds
        {
            violate("\(id) is applied for the first time after \(waited) ms")
        }
    }

    func checkWaits() {
        let waitMax = schedule.limits.messageTimeoutMilliseconds + VirtualTime.sweepMilliseconds
        for index in schedule.messages.indices where outcomes[index] == nil {
            guard let time = submittedAt[index] else { continue }
            if now.milliseconds(since: time) > waitMax {
                violate("\(schedule.messages[index].id) waits for longer than it has time")
            }
        }
    }

    func checkLosses() {
        while machine.hasLosses {
            let losses = machine.takeLosses()
            if let lost = losses.lost { tell("lost \(lost)") }
            let isGivenUp = losses.givenUp.contains { $0.reason != .closed }
            if isGivenUp, schedule.kind != .removals, schedule.keepsAll {
                violate("a confirmed message was given up")
            }
        }
    }

    /// What the machine counts is what it holds.
    func checkAccounts() {
        var (count, bytes) = (0, 0)
        for session in machine.sessions {
            var batches = [session.gathering]
            batches += session.unsent
            batches += session.returned
            batches += session.unresolved
            batches += session.answered.map(\.batch)
            batches += session.denied.map(\.batch)
            for case .batch(let batch) in session.awaited { batches.append(batch) }
            if session.pendingCount != batches.reduce(0, { $0 + $1.unconfirmedCount })
                || session.pendingBytes != batches.reduce(0, { $0 + $1.unconfirmedBytes })
            {
                violate("the count of what waits has drifted")
            }
            count += session.pendingCount
            bytes += session.pendingBytes
        }
        if breakage == nil, machine.pending != (count, bytes) {
            violate("the sum of what waits has drifted")
        }
    }

    // MARK: - In the end

    func checkMessages() {
        if outcomes.count != schedule.messages.count { violate("somebody waits for ever") }
        for node in nodes { checkNode(node) }
        guard !isClosed else { return }
        if !machine.isIdle { violate("it has not come to rest") }
        guard let node = connection?.server else { return violate("there is no connection") }
        if schedule.kind != .removals, schedule.keepsAll { checkConfirmed(node) }
    }

    private func checkNode(_ node: Node) {
        var counts: [String: Int] = [:]
        for id in node.log { counts[id, default: 0] += 1 }
        if let twice = node.log.first(where: { counts[$0, default: 0] > 1 }) {
            violate("\(twice) is at \(node.name) \(counts[twice] ?? 0) times")
        }
        for (index, message) in schedule.messages.enumerated() {
            let isDenied =
                if case .failure(.notExecuted) = outcomes[index] { true } else { false }
            if isDenied || outcomes[index] == .success(.limited), counts[message.id] != nil {
                violate("\(message.id) is at \(node.name), and is told that it was not executed")
            }
        }
        var keys: [String: Int] = [:]
        for message in schedule.messages where counts[message.id] != nil {
            if let key = message.key { keys[key, default: 0] += 1 }
        }
        if keys.contains(where: { $0.value > 1 }) { violate("a key is used twice") }
    }

    private func checkConfirmed(_ node: Node) {
        let ids = Set(node.log)
        for (index, message) in schedule.messages.enumerated() {
            switch outcomes[index] {
            case .success(.applied):
                // An earlier master may have come back with another message of the same key.
                let hasKey = schedule.kind == .splits && node.records[message.key ?? ""] != nil
                if !ids.contains(message.id), !hasKey {
                    violate("\(message.id) was confirmed, and is lost")
                }
            case .success(.found(let record)):
                // A message whose own waiter was not told that it is applied is not kept.
                let id = String(decoding: record, as: UTF8.self)
                let original = schedule.messages.firstIndex { $0.id == id }
                guard let original, outcomes[original] == .success(.applied) else { continue }
                let hasKey = schedule.kind == .splits && node.records[message.key ?? ""] != nil
                if !ids.contains(id), !hasKey {
                    violate("\(id) was found by \(message.id), and is lost")
                }
            default: break
            }
        }
        // A message that the limit has refused, and whose answer was lost, is tried again behind
        // those that were applied meanwhile.
        guard schedule.kind != .splits, schedule.kind != .refusals, !schedule.isLimited else {
            return
        }
        let positions = Dictionary(
            uniqueKeysWithValues: schedule.messages.enumerated().map { ($1.id, $0) })
        let confirmed = node.log.compactMap { positions[$0] }.filter {
            outcomes[$0] == .success(.applied)
        }
        for partition in 0..<Machine.partitionCount {
            let own = confirmed.filter { index in
                let message = schedule.messages[index]
                return Machine.partition(of: message.key ?? message.id) == partition
            }
            // Those with keys may wait for a slot that moves.
            let parts =
                machine.isNode
                ? [true, false].map { isKeyed in
                    own.filter { (schedule.messages[$0].key != nil) == isKeyed }
                } : [own]
            if parts.contains(where: { $0 != $0.sorted() }) { violate("the order has changed") }
        }
    }
}

extension ProducerOutcome {
    /// As a message that the limit refuses is remembered here.
    static var limited: ProducerOutcome { .told([refusedMark]) }
}
