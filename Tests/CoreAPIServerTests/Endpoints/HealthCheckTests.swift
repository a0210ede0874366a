import CoreAPIKit
import Testing

@testable import CoreAPIBase
@testable import CoreAPIServer

/// The answers of `/health` to findings, and the thresholds of its warnings.
@Suite struct HealthCheckTests {
    private let time = UnixTime(seconds: 1_700_000_000)

    private func json(
        _ change: (inout QueueStatus) -> Void, _ thresholds: HealthThresholds = HealthThresholds()
    ) -> [String] {
        var status = QueueStatus()
        change(&status)
        let check = RedisMonitor.QueueCheck(status: status, time: time)
        return HealthCheck.checks(of: check, thresholds).map {
            var json = JSONWriter()
            $0.write(to: &json)
            return String(decoding: json.bytes, as: UTF8.self)
        }
    }

    @Test func `a check has the members of the draft, in this order`() {
        #expect(
            json { $0.depth = 7 } == [
                #""queue:depth": [{"componentType":"datastore","observedValue":7,"#
                    + #""observedUnit":"transactions","status":"pass","#
                    + #""time":"2023-11-14T22:13:20.000000Z"}]"#
            ])
        #expect(
            json { $0.workers = QueueStatus.Workers(alive: 0, registered: 2) } == [
                #""workers:count": [{"componentType":"component","observedValue":0,"#
                    + #""observedUnit":"workers","status":"warn","output":"#
                    + #""no worker takes transactions out of the queue; registered: 2","#
                    + #""time":"2023-11-14T22:13:20.000000Z"}]"#
            ])
    }

    @Test func `a figure that Redis does not report is left out`() {
        #expect(json { _ in } == [])
        #expect(json { $0.isWrongType = true }.count == 1)
    }

    @Test(arguments: [
        (5, Int?.none, "pass"), (5, 5, "pass"), (6, 5, "warn"), (0, 1, "pass"),
    ])
    func `more than the bound is a warning`(value: Int, max: Int?, status: String) {
        var thresholds = HealthThresholds()
        thresholds.depthMax = max
        thresholds.ageSecondsMax = max
        for line in json({ $0.depth = value }, thresholds)
            + json({ $0.oldestAgeSeconds = value }, thresholds)
        {
            #expect(line.contains("\"status\":\"\(status)\""))
            #expect(line.contains("\"output\"") == (status == "warn"))
        }
    }

    @Test(arguments: [(0, 0, "pass"), (0, 1, "warn"), (1, 1, "pass"), (2, 3, "warn")])
    func `fewer workers than are needed are a warning`(alive: Int, min: Int, status: String) {
        var thresholds = HealthThresholds()
        thresholds.workersMin = min
        let workers = QueueStatus.Workers(alive: alive, registered: 5)
        let lines = json({ $0.workers = workers }, thresholds)
        #expect(lines.count == 1)
        #expect(lines.allSatisfy { $0.contains("\"status\":\"\(status)\"") })
    }

    @Test func `the worst check decides`() {
        #expect(HealthCheck.Status.worst(of: []) == .pass)
        #expect(HealthCheck.Status.worst(of: [.pass, .warn]) == .warn)
        #expect(HealthCheck.Status.worst(of: [.fail, .warn, .pass]) == .fail)
    }

    @Test func `thresholds come from the environment, and 0 disables one`() throws {
        func thresholds(_ variables: [String: String]) throws -> HealthThresholds {
            try EnvironmentReader { variables[$0].map { Array($0.utf8) } }.health()
        }
        #expect(try thresholds([:]) == HealthThresholds())
        let all = try thresholds([
            "HEALTH_QUEUE_DEPTH_WARN": "10", "HEALTH_QUEUE_AGE_WARN_SECONDS": "20",
            "HEALTH_WORKERS_MIN": "3", "HEALTH_WORKER_SILENCE_SECONDS": "40",
        ])
        #expect(
            all
                == HealthThresholds(
                    depthMax: 10, ageSecondsMax: 20, workersMin: 3, silenceSecondsMax: 40))
        let none = try thresholds([
            "HEALTH_QUEUE_DEPTH_WARN": "0", "HEALTH_QUEUE_AGE_WARN_SECONDS": "0",
            "HEALTH_WORKERS_MIN": "0",
        ])
        #expect(none == HealthThresholds(depthMax: nil, ageSecondsMax: nil, workersMin: 0))
        for (variable, value) in [
            ("HEALTH_QUEUE_DEPTH_WARN", "many"), ("HEALTH_QUEUE_AGE_WARN_SECONDS", "-1"),
            ("HEALTH_WORKERS_MIN", "101"), ("HEALTH_WORKER_SILENCE_SECONDS", "0"),
        ] {
            #expect(throws: ConfigurationError.self) { try thresholds([variable: value]) }
        }
    }
}
