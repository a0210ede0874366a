import Testing

@testable import CoreAPIServer

/// A variable that another one leaves without effect is refused: its operator believes that it
/// counts.
@Suite struct UnusedVariablesTests {
    private func configuration(
        _ variables: [String: String]
    ) throws(ConfigurationError) -> Configuration {
        let values = ["JWT_SECRET": "secret"].merging(variables) { $1 }
        return try Configuration(
            environment: { values[$0].map { Array($0.utf8) } }, cores: 3, openFilesMax: 1_024)
    }

    private static let socket = "unix:/run/core-api/api.sock"

    @Test(
        arguments: [
            ("HTTP_PORT", "5000", ["HTTP_HOST": socket]),
            ("METRICS_PORT", "9100", ["METRICS_HOST": socket]),
            ("METRICS_PORT", "0", ["HTTP_HOST": socket, "METRICS_HOST": socket]),
            ("METRICS_HOST", "127.0.0.1", [:]),
            ("CONSOLE_ACTIONS", "on", ["METRICS_PORT": "9100"]),
            ("CONSOLE_ACTIONS", "off", [:]),
            ("JWT_JWKS_STALE_SECONDS", "600", [:]),
            ("JWT_JWKS_CA_FILE", "/etc/ca.pem", [:]),
            ("JWT_JWKS_CA_FILE", "/etc/ca.pem", ["JWT_JWKS_URL": "http://127.0.0.1:1/"]),
            ("REDIS_TLS_CA_FILE", "/dev/null", ["REDIS_URL": "redis://h"]),
            ("PARTITIONS", "2", ["QUEUE": "rq:q"]),
            ("RQ_JOB_TIMEOUT", "60", ["QUEUE": "stream:s"]),
            ("DURABILITY", "aof", ["QUEUE": "memory"]),
        ] as [(String, String, [String: String])])
    func `it is named, with what makes it useless`(
        variable: String, value: String, others: [String: String]
    ) throws {
        do throws(ConfigurationError) {
            _ = try configuration(others.merging([variable: value]) { $1 })
            Issue.record("\(variable) is accepted beside \(others)")
        } catch {
            #expect(error.variable == variable)
            #expect(error.description.hasPrefix("\(variable) is \"\(value)\": "))
            #expect(!error.mayPass)
        }
    }

    @Test func `an error says whether the variable is missing, or its value is not shown`() {
        let missing = ConfigurationError(
            variable: "A", value: nil, expectation: "give one", isMissing: true)
        #expect(missing.description == "A is not set: give one")
        let hidden = ConfigurationError(variable: "A", value: nil, expectation: "give another")
        #expect(hidden.description == "A is not usable (its value is not shown): give another")
    }

    @Test func `Redis's variables are listed where the queue is in memory`() throws {
        let variables = ["REDIS_URL": "redis://h", "REPLAY_BYTES": "0", "THREADS": "1"]
        #expect(try configuration(variables).unusedVariables == [])
        let memory = variables.merging(["QUEUE": "memory"]) { $1 }
        #expect(try configuration(memory).unusedVariables == ["REDIS_URL", "REPLAY_BYTES"])
    }
}
