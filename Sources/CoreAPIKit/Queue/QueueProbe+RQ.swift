internal import CoreAPIBase
internal import CoreAPIRedis

/// python-rq's queue: a list that workers take from on the left, each job a hash, and a set of the
/// workers that have registered for the queue.
///
///     rq:queue:NAME                   list of job ids, the oldest first
///     rq:job:ID        enqueued_at
///     rq:workers:NAME                 set of keys rq:worker:…; a killed worker stays in it
///     rq:worker:…      last_heartbeat each 30 s at work; idle, 15 s before it would expire
extension QueueProbe {
    func rqStatus(_ name: String) async -> QueueStatus {
        let list = "rq:queue:" + name
        var status = QueueStatus()
        do {
            guard case .integer(let length) = try await reply(to: ["LLEN", list]) else {
                return status
            }
            status.depth = Int(length)
        } catch {
            status.isWrongType = QueueProbe.refusal(error)?.kind == .wrongType
        }
        if let depth = status.depth {
            status.oldestAgeSeconds = depth == 0 ? 0 : await oldestAgeSeconds(list)
        }
        status.workers = await rqWorkers("rq:workers:" + name)
        return status
    }

    private func oldestAgeSeconds(_ list: String) async -> Int? {
        switch await ask("LINDEX", list, "0") {
        case .bulk(let id):
            let job = "rq:job:" + String(decoding: id, as: UTF8.self)
            return await time("enqueued_at", of: job).map {
                QueueProbe.ageSeconds(of: $0, at: .now())
            }
        // It has been taken meanwhile.
        case .null: return 0
        default: return nil
        }
    }

    private func rqWorkers(_ registry: String) async -> QueueStatus.Workers? {
        // The set has no bound; a part of it has.
        guard case .integer(let registered)? = await ask("SCARD", registry),
            case .array(let keys)? = await ask(
                "SRANDMEMBER", registry, "\(QueueStatus.workersMax)")
        else { return nil }
        // All at once: they leave in one write.
        let answers = await withTaskGroup(of: Bool?.self) { group in
            for case .bulk(let key) in keys {
                group.addTask { await isAlive(String(decoding: key, as: UTF8.self)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        guard !answers.contains(nil) else { return nil }
        return QueueStatus.Workers(
            alive: answers.count { $0 == true }, registered: Int(registered))
    }

    /// Whether the worker has said lately that it lives; nil if Redis does not tell. Its hash
    /// expires without heartbeats, but a heartbeat that comes too late makes one that does not.
    private func isAlive(_ worker: String) async -> Bool? {
        switch await ask("HGET", worker, "last_heartbeat") {
        case .bulk(let text):
            guard let heartbeat = UnixTime(timestamp: text.span) else { return nil }
            return QueueProbe.ageSeconds(of: heartbeat, at: .now()) <= silenceSecondsMax
        case .null: return false
        default: return nil
        }
    }

    private func time(_ field: String, of hash: String) async -> UnixTime? {
        guard case .bulk(let text)? = await ask("HGET", hash, field) else { return nil }
        return UnixTime(timestamp: text.span)
    }
}
