internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis

extension Inspector.Overview {
    /// Writes the members of an object: the status, the warnings and what to do, the numbers.
    func writeMembers(to json: inout JSONWriter, _ target: Inspector.Target) {
        json.raw("\"status\":")
        json.text(status.rawValue)
        json.member("queue", target.queue.name)
        json.member("depth", queue?.depth)
        json.member("age", queue?.oldestAgeSeconds)
        json.member("workers", queue?.workers?.alive)
        json.member("workers_registered", queue?.workers?.registered)
        json.member("dead_letters", deadLetters?.count)
        json.member("dead_letters_unreached", deadLetters?.unreached ?? [])
        json.member("redis", target.kind == nil ? nil : "\(target.url)")
        json.member("redis_role", redisRole)
        json.member("durability", durability)
        json.member("redis_ms", responseMilliseconds)
        json.member("warnings")
        json.list(checks.filter { $0.status != .pass }) { json, check in
            json.member("check", check.name, isFirst: true)
            json.member("title", check.title)
            json.member("status", check.status.rawValue)
            json.member("output", check.output)
            json.member("advice", check.advice)
            json.raw("}")
        }
    }

    /// `master`, `replica`, or how many nodes of a cluster; nil if Redis does not tell it.
    var redisRole: String? {
        guard let redis else { return nil }
        if redis.nodes.count > 1 { return "\(redis.nodes.count) masters of a cluster" }
        return redis.information.isReplica.map { $0 ? "replica" : "master" }
    }

    /// `append-only file, replicas: 1`; nil if Redis does not tell it.
    var durability: String? {
        checks.first { $0.name == "redis:durability" }?.observedText
    }

    var responseMilliseconds: Double? {
        guard case .success(let microseconds)? = redis?.result else { return nil }
        return Double(microseconds) / 1_000
    }
}
