@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The process of Redis around its data: connections, stalls, crashes, barriers.
extension RedisSimulation {
    func process(_ connection: SimulatedConnection) {
        guard isUp, !connection.isClosedByServer, now >= stalledUntil else { return }
        while connection.barrier == nil, let words = connection.parser.next() {
            execute(words, connection)
        }
        if connection.parser.isBroken { violate("what was sent is not the Redis protocol") }
    }

    func processAll() {
        guard now >= stalledUntil else { return }
        for connection in connections { process(connection) }
    }

    private func execute(_ words: [String], _ connection: SimulatedConnection) {
        let before = redis.log.count
        let outcome = redis.execute(words, connection, now)
        tell("Redis executes \(summary(words)) (\(connection.number)): \(outcome.words)")
        if redis.log.count > before, redis.durability == .later {
            let start = max(now, lagsUntil).advanced(
                byMilliseconds: random.integer(1...(isRough ? 1_500 : 400)))
            queue.add(.safe(writes: redis.log.count, crash: crashes), at: start)
        }
        switch outcome {
        case .reply(let reply): answer(reply, connection)
        case .wait(let writes):
            connection.barrier = (writes, words[0])
            connection.barrierCount += 1
            if !answerBarrier(connection) {
                after(
                    RedisBarrier.timeoutMilliseconds,
                    .barrierTimedOut(connection, connection.barrierCount))
            }
        }
    }

    private func summary(_ words: [String]) -> String {
        guard words[0] == "EVALSHA" else { return words[0] }
        return "script for \(words[3]), '\(words[words[2] == "4" ? 7 : 5])'"
    }

    /// Replies wait a little: Redis writes them before it sleeps, after the file was flushed.
    private func answer(_ reply: RedisReply, _ connection: SimulatedConnection) {
        if leaving.isEmpty { after(random.integer(0...4), .repliesLeave(crash: crashes)) }
        leaving.append((connection, reply.encoded))
    }

    func repliesLeave(_ crash: Int) {
        guard crash == crashes else { return }
        redis.repliesLeave()
        for (connection, bytes) in leaving { reply(bytes, over: connection) }
        leaving = []
    }

    // MARK: - Barriers

    /// Answers the barrier that a connection waits for, if it is reached.
    private func answerBarrier(_ connection: SimulatedConnection) -> Bool {
        guard let barrier = connection.barrier, barrier.writes <= redis.safeCount else {
            return false
        }
        endBarrier(connection, barrier.kind, isReached: true)
        return true
    }

    private func endBarrier(_ connection: SimulatedConnection, _ kind: String, isReached: Bool) {
        connection.barrier = nil
        let count = RedisReply.integer(isReached ? 1 : 0)
        answer(kind == "WAIT" ? count : .array([count, .integer(0)]), connection)
    }

    func becameSafe(_ writes: Int, _ crash: Int) {
        guard crash == crashes else { return }
        redis.becomeSafe(upTo: writes)
        for connection in connections where answerBarrier(connection) { process(connection) }
    }

    func barrierTimedOut(_ connection: SimulatedConnection, _ number: Int) {
        guard let barrier = connection.barrier, connection.barrierCount == number else { return }
        endBarrier(connection, barrier.kind, isReached: false)
        process(connection)
    }

    // MARK: - Faults

    func begin(_ fault: RedisSchedule.Fault) {
        tell("FAULT \(fault)")
        switch fault {
        case .cut:
            if let connection, !outgoing.isConnecting {
                queue.add(.endOfStream(connection), at: now)
            }
        case .crash(let downtime, let loading, let isSilent):
            crash(downtime: downtime, loading: loading, isSilent: isSilent)
        case .refusedConnections(let duration): refusesUntil = until(duration)
        case .swallowedConnections(let duration): swallowsUntil = until(duration)
        case .readOnly(let duration): redis.readOnlyUntil = until(duration)
        case .outOfMemory(let duration): redis.outOfMemoryUntil = until(duration)
        case .wrongType(let duration): redis.wrongTypeUntil = until(duration)
        case .refusedLogin(let duration): redis.loginRefusedUntil = until(duration)
        case .stall(let duration):
            stalledUntil = max(stalledUntil, until(duration))
            queue.add(.stallEnded, at: stalledUntil)
        case .lag(let duration): lagsUntil = max(lagsUntil, until(duration))
        }
    }

    private func until(_ duration: Int) -> MonotonicTime {
        now.advanced(byMilliseconds: duration)
    }

    /// The process ends and loses some or all of its unsafe writes. The promotion of a replica
    /// looks the same.
    private func crash(downtime: Int, loading: Int, isSilent: Bool) {
        guard isUp else { return }
        isUp = false
        crashes += 1
        leaving = []
        let kept = random.integer(redis.safeCount...redis.log.count)
        tell("keeps \(kept) of \(redis.log.count) writes")
        redis.crash(keeping: kept)
        checkConfirmed()
        for connection in connections { closeByServer(connection, isSilent: isSilent) }
        redis.loadingUntil = until(downtime + loading)
        after(downtime, .restarted(crash: crashes))
    }

    func restarted(after crash: Int) {
        guard crash == crashes else { return }
        tell("Redis is back")
        isUp = true
    }
}
