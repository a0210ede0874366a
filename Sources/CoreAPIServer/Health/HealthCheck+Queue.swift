internal import CoreAPIBase
internal import CoreAPIKit

extension HealthCheck {
    /// The checks of the queue. A figure that Redis did not report is left out.
    static func checks(
        of check: RedisMonitor.QueueCheck, _ thresholds: HealthThresholds
    ) -> [HealthCheck] {
        let status = check.status
        var checks: [HealthCheck] = []
        if status.isWrongType {
            checks.append(
                HealthCheck(
                    name: "queue:depth", componentType: "datastore", status: .fail,
                    output: "the queue's key holds another type: transactions are refused",
                    time: check.time))
        }
        if let depth = status.depth {
            checks.append(.depth(depth, thresholds.depthMax, check.time))
        }
        if let age = status.oldestAgeSeconds {
            checks.append(.age(age, thresholds.ageSecondsMax, check.time))
        }
        if let workers = status.workers {
            checks.append(.workers(workers, thresholds, check.time))
        }
        return checks
    }

    private static func depth(_ depth: Int, _ max: Int?, _ time: UnixTime) -> HealthCheck {
        var check = HealthCheck(
            name: "queue:depth", componentType: "datastore", observed: .number(depth),
            unit: "transactions", time: time)
        if let max, depth > max {
            check.status = .warn
            check.output = "more than \(max.counted("transaction")) \(max == 1 ? "waits" : "wait")"
        }
        return check
    }

    private static func age(_ seconds: Int, _ max: Int?, _ time: UnixTime) -> HealthCheck {
        var check = HealthCheck(
            name: "queue:age", componentType: "datastore", observed: .number(seconds), unit: "s",
            time: time)
        if let max, seconds > max {
            check.status = .warn
            check.output = "the oldest transaction has waited for more than \(max) s"
        }
        return check
    }

    /// The check of the dead letters, which operators see besides those of `/health`.
    static func deadLetters(_ found: DeadLetterCount) -> HealthCheck {
        let count = found.count
        var check = HealthCheck(
            name: "queue:dead", componentType: "datastore", observed: .number(count),
            unit: "transactions", time: .now())
        var outputs: [String] = []
        if count > 0 {
            outputs.append(
                count == 1
                    ? "a transaction has failed, and is not tried again"
                    : "\(count) transactions have failed, and are not tried again")
        }
        if let text = unreached(found.unreached) { outputs.append(text) }
        if !outputs.isEmpty {
            check.status = .warn
            check.output = outputs.joined(separator: "; ")
        }
        return check
    }

    /// `partitions that were not reached: 0, 2`; nil for none.
    static func unreached(_ partitions: some Collection<Int>) -> String? {
        if partitions.isEmpty { return nil }
        let list = partitions.sorted().map { "\($0)" }.joined(separator: ", ")
        return "partitions that were not reached: \(list)"
    }

    private static func workers(
        _ workers: QueueStatus.Workers, _ thresholds: HealthThresholds, _ time: UnixTime
    ) -> HealthCheck {
        var check = HealthCheck(
            name: "workers:count", componentType: "component", observed: .number(workers.alive),
            unit: "workers", time: time)
        guard workers.alive < thresholds.workersMin else { return check }
        check.status = .warn
        var output =
            workers.alive == 0
            ? "no worker takes transactions out of the queue"
            : "fewer than \(thresholds.workersMin.counted("worker"))"
        if workers.registered > workers.alive {
            output += "; registered: \(workers.registered)"
        }
        if workers.registered > QueueStatus.workersMax {
            output += ", of which \(QueueStatus.workersMax) were looked at"
        }
        check.output = output
        return check
    }
}
