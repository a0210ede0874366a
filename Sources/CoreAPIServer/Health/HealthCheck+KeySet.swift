internal import CoreAPIBase
internal import CoreAPIKit

extension HealthCheck {
    /// The checks of the key set. Without a set, tokens that need it are refused: the check fails,
    /// unless a secret verifies other tokens.
    static func checks(of report: KeySetReport, time: UnixTime = .now()) -> [HealthCheck] {
        var count = HealthCheck(
            name: "keys:count", componentType: "component",
            observed: .number(report.keySet?.usableCount ?? 0), unit: "keys", time: time)
        if report.keySet == nil {
            count.status = report.hasSecret ? .warn : .fail
            count.output = "there is no key set in use: tokens that need it are refused"
            if let failure = report.failure { count.output? += "; the last fetch: \(failure)" }
        } else if report.fetches == nil, let failure = report.failure {
            count.status = .warn
            count.output = "the file is not used as it is now: \(failure)"
        }
        guard let age = report.fetches?.age else { return [count] }
        var check = HealthCheck(
            name: "keys:age", componentType: "component",
            observed: .number(age.wholeMilliseconds / 1_000), unit: "s", time: time)
        if let failure = report.failure {
            check.status = .warn
            check.output = "the last fetch failed, and an earlier set is used: \(failure)"
        }
        return [count, check]
    }
}
