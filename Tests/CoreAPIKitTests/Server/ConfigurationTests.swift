import CoreAPIKit
import Logging
import Testing

@testable import CoreAPIServer

@Suite struct ConfigurationTests {
    private func configuration(_ variables: [String: String]) throws(ConfigurationError)
        -> Configuration
    {
        var environment = variables
        if environment["JWT_SECRET"] == nil { environment["JWT_SECRET"] = "secret" }
        let values = environment
        return try Configuration(environment: { values[$0].map { Array($0.utf8) } }, cores: 3)
    }

    @Test func `the standard values are those of the Python service`() throws {
        let configuration = try configuration([:])
        #expect(configuration.host == "0.0.0.0")
        #expect(configuration.port == 5_000)
        #expect(configuration.redis.description == "redis://127.0.0.1:6379/0")
        #expect(configuration.queue == .rq(name: "default"))
        #expect(configuration.threads == 3)
        #expect(configuration.tokenPolicy == TokenPolicy())
        #expect(configuration.logLevel == .info)
        #expect(configuration.logFormat == nil)
    }

    @Test func `every variable is read`() throws {
        let configuration = try configuration([
            "HTTP_HOST": "::1", "HTTP_PORT": "0", "REDIS_URL": "redis://u:p@h:1/2",
            "QUEUE": "stream:a:b",
            "THREADS": "2", "JWT_AUDIENCE": "core", "JWT_ISSUER": "auth", "JWT_LEEWAY_SECONDS": "5",
            "JWT_MAX_LIFETIME_SECONDS": "60", "LOG_LEVEL": "debug", "LOG_FORMAT": "json",
        ])
        #expect(configuration.host == "::1")
        #expect(configuration.port == 0)
        #expect(configuration.redis.user == "u")
        #expect(configuration.redis.database == 2)
        #expect(configuration.queue == .stream(key: "a:b"))
        #expect(configuration.threads == 2)
        #expect(
            configuration.tokenPolicy
                == TokenPolicy(
                    audience: "core", issuer: "auth", leewaySeconds: 5, lifetimeSecondsMax: 60))
        #expect(configuration.logLevel == .debug)
        #expect(configuration.logFormat == .json)
    }

    @Test func `a secret is required, is bytes, and is never shown`() throws {
        for missing in [[UInt8]?.none, []] {
            do {
                _ = try Configuration(environment: { $0 == "JWT_SECRET" ? missing : nil }, cores: 1)
                Issue.record("accepted")
            } catch {
                #expect(error.variable == "JWT_SECRET")
                #expect(error.value == nil)
            }
        }
        let bytes: [UInt8] = [0xFF, 0xFE, 0x0A]
        let configuration = try Configuration(
            environment: { $0 == "JWT_SECRET" ? bytes : nil }, cores: 1)
        #expect(configuration.secret == bytes)
    }

    @Test(arguments: [
        ("HTTP_PORT", "65536"), ("HTTP_PORT", "-1"), ("HTTP_PORT", "80 "), ("HTTP_PORT", "http"),
        ("HTTP_PORT", "+80"),
        ("REDIS_URL", "127.0.0.1:6379"), ("REDIS_URL", "http://a"), ("REDIS_URL", "redis://a:b"),
        ("REDIS_URL", "redis://a/x"),
        ("QUEUE", "default"), ("QUEUE", "rq:"), ("QUEUE", "stream:"), ("QUEUE", "kafka:x"),
        ("QUEUE", "Memory"),
        ("THREADS", "0"), ("THREADS", "1025"), ("THREADS", "two"), ("JWT_LEEWAY_SECONDS", "-1"),
        ("JWT_LEEWAY_SECONDS", "1.5"), ("JWT_MAX_LIFETIME_SECONDS", "0"), ("LOG_LEVEL", "INFO"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"), ("HTTP_HOST", "a\nb"),
    ])
    func `a bad value names the variable, the value and what would be right`(
        variable: String, value: String
    ) {
        do {
            _ = try configuration([variable: value])
            Issue.record("accepted")
        } catch {
            #expect(error.variable == variable)
            #expect(error.value == value || variable == "HTTP_HOST")
            #expect(error.description.contains(variable))
            #expect(error.expectation.count > 10)
        }
    }

    @Test func `an empty variable counts as not set`() throws {
        #expect(
            try configuration(["HTTP_PORT": "", "QUEUE": "", "JWT_AUDIENCE": ""]).port == 5_000)
    }

    @Test func `a URL's login is not shown`() {
        do {
            _ = try configuration(["REDIS_URL": "redis://user:hunter2@host:0/0"])
            Issue.record("accepted")
        } catch {
            #expect(!error.description.contains("hunter2"))
            #expect(!error.description.contains("user:"))
            #expect(error.description.contains("host:0"))
        }
    }
}
