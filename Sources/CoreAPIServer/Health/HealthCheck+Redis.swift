internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis

extension HealthCheck {
    /// The checks of Redis; of a cluster the worst of its nodes.
    static func checks(of check: RedisMonitor.Check) -> [HealthCheck] {
        // What is wrong with all nodes alike, such as no connection.
        if check.nodes.isEmpty || !check.isAnswered { return checks(ofServer: check) }
        let all = check.nodes.map { node in
            (node: node.node.map { "\($0)" } ?? "", checks: checks(ofServer: node))
        }
        var names: [String] = []
        for check in all.flatMap(\.checks) where !names.contains(check.name) {
            names.append(check.name)
        }
        return names.compactMap { name in
            worst(
                of: all.compactMap { node, checks in
                    checks.first { $0.name == name }.map { (node, $0) }
                }, nodeCount: all.count)
        }
    }

    /// The worst of a check of several nodes, which names its node. What fails at some nodes alone
    /// is a warning: the users of the others notice nothing.
    private static func worst(
        of checks: [(node: String, check: HealthCheck)], nodeCount: Int
    ) -> HealthCheck? {
        let ranks = Status.allCases
        guard
            let worst = checks.max(by: {
                (ranks.firstIndex(of: $0.check.status) ?? 0)
                    < (ranks.firstIndex(of: $1.check.status) ?? 0)
            })
        else { return nil }
        var result = worst.check
        if let output = result.output { result.output = "\(worst.node): \(output)" }
        let failing = checks.filter { $0.check.status == .fail }.count
        if result.status == .fail, failing < nodeCount { result.status = .warn }
        return result
    }

    private static func checks(ofServer check: RedisMonitor.Check) -> [HealthCheck] {
        var time = HealthCheck(
            name: "redis:responseTime", componentType: "datastore", time: check.time)
        switch check.result {
        case .success(let microseconds):
            time.observed = .thousandths(microseconds)
            time.unit = "ms"
        case .failure(let failure):
            time.status = .fail
            time.output = failure.rawValue
        }
        return [time] + [.writes(check), .durability(check), .eviction(check)].compactMap { $0 }
    }

    // MARK: - Whether the next transaction would be taken

    /// A check that fails or warns if Redis would probably refuse the next transaction; nil if
    /// nothing indicates a refusal.
    private static func writes(_ check: RedisMonitor.Check) -> HealthCheck? {
        let reasons = refusals(check)
        guard !reasons.isEmpty else { return nil }
        return HealthCheck(
            name: "redis:writes", componentType: "datastore", status: .fail,
            output: reasons.joined(separator: "; "), time: check.time)
    }

    private static func refusals(_ check: RedisMonitor.Check) -> [String] {
        let redis = check.information
        var reasons: [String] = []
        func add(_ reason: String, if holds: Bool?) {
            if holds == true { reasons.append(reason) }
        }
        add("Redis is a replica: transactions are for its master", if: redis.isReplica)
        add(
            "Redis is a node of a cluster, which needs redis-cluster://",
            if: check.node == nil && redis.isClusterNode == true)
        add("Redis is at maxmemory", if: redis.isFull)
        add("Redis cannot write its append-only file", if: redis.cannotAppend)
        add(
            "Redis has too few replicas for its min-replicas-to-write",
            if: redis.hasTooFewReplicas)
        add("Redis cannot write its snapshots (stop-writes-on-bgsave-error)", if: redis.stopsWrites)
        add("a key of the queue holds another type", if: check.access?.isWrongType)
        if let command = check.access?.deniedCommand {
            reasons.append("Redis's access list does not let this user run \(name(command, check))")
        }
        if let command = check.access?.missingCommand {
            let name = name(command, check).uppercased()
            reasons.append(
                "this Redis has no \(name)" + (name == "WAITAOF" ? " (it came with 7.2)" : ""))
        }
        if reasons.isEmpty, let refusal = check.refusal {
            reasons.append("the last transaction was refused: \(word(refusal))")
        }
        return reasons
    }

    private static func name(_ command: String, _ check: RedisMonitor.Check) -> String {
        command == "barrier" ? check.barrier?.commandName.lowercased() ?? command : command
    }

    /// The error code of Redis (`OOM`, `READONLY`). The error's text stays out: it may name users.
    private static func word(_ error: RedisError) -> String {
        switch error {
        case .server(let reply), .refused(let reply): reply.kind.rawValue
        case .durabilityNotReached: "it did not reach DURABILITY in time"
        case .partitionCountDiffers(let count):
            "Redis has \(count.counted("partition")), not PARTITIONS"
        case .protocolViolation: "the reply is not one that Redis sends"
        default: "\(error)"
        }
    }

    // MARK: - Durability of a confirmation

    /// The durability check; nil if the Redis user has no right to INFO.
    private static func durability(_ check: RedisMonitor.Check) -> HealthCheck? {
        let redis = check.information
        guard let hasFile = redis.hasAppendOnlyFile, let replicas = redis.replicas else {
            return nil
        }
        var result = HealthCheck(
            name: "redis:durability", componentType: "datastore", time: check.time)
        let isInMemory = !hasFile && replicas == 0
        result.observed = .text(
            isInMemory ? "memory" : (hasFile ? "append-only file, " : "") + "replicas: \(replicas)")
        let wanted = check.barrier?.replicaCount ?? 0
        if check.barrier?.needsAppendOnlyFile == true, !hasFile {
            result.status = .fail
            result.output = "DURABILITY needs an append-only file, and Redis has none"
        } else if redis.replicasInTouch < wanted {
            result.status = .fail
            result.output =
                "DURABILITY needs \(wanted.counted("replica")): \(redis.replicasInTouch) up to date"
        } else if isInMemory {
            result.status = .warn
            result.output = "Redis has neither an append-only file nor a replica: a 200 may be lost"
        }
        return result
    }

    /// A warning that the eviction policy may delete confirmed transactions; nil if it may not.
    private static func eviction(_ check: RedisMonitor.Check) -> HealthCheck? {
        guard check.information.evicts, let policy = check.information.evictionPolicy else {
            return nil
        }
        return HealthCheck(
            name: "redis:eviction", componentType: "datastore", observed: .text(policy),
            status: .warn,
            output: "at maxmemory Redis may delete confirmed transactions: set maxmemory-policy to "
                + "noeviction",
            time: check.time)
    }
}
