internal import CoreAPIBase
internal import CoreAPIKit

extension HealthCheck {
    /// What there is to say of Redis.
    static func checks(of check: RedisMonitor.Check) -> [HealthCheck] {
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
        guard let durability = check.durability else { return [time] }
        return [time, .durability(durability, check.time)]
    }

    private static func durability(
        _ durability: RedisMonitor.Durability, _ time: UnixTime
    ) -> HealthCheck {
        var check = HealthCheck(
            name: "redis:durability", componentType: "datastore", time: time)
        switch durability {
        case .memoryOnly:
            check.observed = .text("memory")
            check.status = .warn
            check.output = "Redis has neither an append-only file nor a replica: a 200 may be lost"
        case .kept(let appendOnlyFile, let replicas):
            check.observed = .text(
                (appendOnlyFile ? "append-only file, " : "") + "replicas: \(replicas)")
        }
        return check
    }
}
