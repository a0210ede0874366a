import CoreAPIKit
import Logging
import Testing

@testable import CoreAPIRedis
@testable import CoreAPIServer

@Suite struct ConfigurationTests {
    private func configuration(
        _ variables: [String: String], openFilesMax: Int = 1_024
    ) throws(ConfigurationError) -> Configuration {
        var environment = variables
        if environment["JWT_SECRET"] == nil { environment["JWT_SECRET"] = "secret" }
        let values = environment
        return try Configuration(
            environment: { values[$0].map { Array($0.utf8) } }, cores: 3,
            openFilesMax: openFilesMax)
    }

    @Test func `the standard values are those of the Python service`() throws {
        let configuration = try configuration([:])
        #expect(configuration.host == "0.0.0.0")
        #expect(configuration.port == 5_000)
        #expect(configuration.redis.url.description == "redis://127.0.0.1:6379/0")
        #expect(configuration.queue == .rq(name: "default", RQJobOptions()))
        #expect(configuration.threads == 3)
        #expect(configuration.tokenPolicy == TokenPolicy())
        #expect(configuration.logLevel == .info)
        #expect(configuration.logFormat == nil)
        #expect(configuration.statusSeconds == 0 && configuration.rateLimit == nil)
    }

    @Test func `every variable is read`() throws {
        let configuration = try configuration([
            "HTTP_HOST": "::1", "HTTP_PORT": "0", "REDIS_URL": "redis://u:p@h:1/2",
            "QUEUE": "stream:a:b",
            "THREADS": "2", "MAX_CONNECTIONS": "500", "JWT_AUDIENCE": "core", "JWT_ISSUER": "auth",
            "JWT_LEEWAY_SECONDS": "5", "STATUS_SECONDS": "31536000", "RATE_LIMIT": "100000/86400",
            "JWT_MAX_LIFETIME_SECONDS": "60", "LOG_LEVEL": "debug", "LOG_FORMAT": "json",
        ])
        #expect(configuration.host == "::1")
        #expect(configuration.port == 0)
        #expect(configuration.redis.url.user == "u")
        #expect(configuration.redis.url.database == 2)
        #expect(configuration.queue == .stream(StreamPartitions(key: "a:b")))
        #expect(configuration.threads == 2)
        #expect(configuration.connectionsMax == 500)
        #expect(configuration.statusSeconds == 31_536_000)
        #expect(configuration.rateLimit == (try RateLimit(count: 100_000, seconds: 86_400)))
        #expect(
            configuration.tokenPolicy
                == TokenPolicy(
                    audience: "core", issuer: "auth", validLeeway: .seconds(5), .seconds(60)))
        #expect(configuration.logLevel == .debug)
        #expect(configuration.logFormat == .json)
    }

    @Test func `only a stream has more than one partition`() throws {
        let partitions = StreamPartitions(key: "s", count: 1_024)
        #expect(
            try configuration(["QUEUE": "stream:s", "PARTITIONS": "1024"]).queue
                == .stream(partitions))
        #expect(
            try configuration(["QUEUE": "stream:s"]).queue == .stream(StreamPartitions(key: "s")))
        #expect(Configuration.Queue.stream(partitions).name == "stream:s")
        #expect(throws: ConfigurationError.self) { try configuration(["PARTITIONS": "2"]) }
        for queue in ["rq:default", "memory"] {
            #expect(throws: Never.self) { try configuration(["QUEUE": queue, "PARTITIONS": "1"]) }
            #expect(throws: ConfigurationError.self) {
                try configuration(["QUEUE": queue, "PARTITIONS": "2"])
            }
        }
        for count in ["0", "1025", "-1", "x", "1.0"] {
            #expect(throws: ConfigurationError.self) {
                try configuration(["QUEUE": "stream:s", "PARTITIONS": count])
            }
        }
    }

    @Test func `jobs of python-rq have their own variables`() throws {
        var options = RQJobOptions()
        options.function = "a.b"
        options.timeoutSeconds = 60
        options.failureLifetime = .limited(seconds: 7)
        options.keyPrefix = "{rq}"
        let variables = [
            "RQ_FUNCTION": "a.b", "RQ_JOB_TIMEOUT": "60", "RQ_FAILURE_TTL": "7",
            "RQ_KEY_PREFIX": "{rq}",
        ]
        #expect(try configuration(variables).queue == .rq(name: "default", options))
        options = RQJobOptions()
        options.timeoutSeconds = nil
        options.failureLifetime = .forever
        #expect(
            try configuration([
                "RQ_JOB_TIMEOUT": "-1", "RQ_FAILURE_TTL": "-1", "QUEUE": "rq:q",
            ]).queue == .rq(name: "q", options))
        for (name, value) in [
            ("RQ_FUNCTION", "make_transaction"), ("RQ_FUNCTION", "a.b; c"),
            ("RQ_JOB_TIMEOUT", "0"), ("RQ_JOB_TIMEOUT", "3m"), ("RQ_JOB_TIMEOUT", "-2"),
            ("RQ_JOB_TIMEOUT", "31536001"), ("RQ_JOB_TIMEOUT", "1.5"), ("RQ_FAILURE_TTL", "0"),
            ("RQ_FAILURE_TTL", "x"), ("RQ_KEY_PREFIX", "a b"), ("RQ_KEY_PREFIX", "{"),
        ] {
            do throws(ConfigurationError) {
                _ = try configuration([name: value])
                Issue.record("\(name)=\(value) is accepted")
            } catch {
                #expect(error.variable == name)
                #expect(error.value == value)
            }
        }
        for (name, value) in variables {
            for queue in ["stream:s", "memory"] {
                do throws(ConfigurationError) {
                    _ = try configuration([name: value, "QUEUE": queue])
                    Issue.record("\(name) is accepted for \(queue)")
                } catch { #expect(error.variable == name) }
            }
        }
    }

    @Test func `a Unix socket is listened on, by callers and by operators`() throws {
        let socket = ["HTTP_HOST": "unix:/run/core-api/api.sock"]
        #expect(try configuration(socket).host == "unix:/run/core-api/api.sock")
        #expect(try configuration(socket).metrics == nil)
        let operators = socket.merging(["METRICS_HOST": "unix:/run/m.sock"]) { $1 }
        #expect(
            try configuration(operators).metrics
                == MetricsAddress(host: "unix:/run/m.sock", port: 0, isPublic: false))
        #expect(
            try configuration(["METRICS_HOST": "unix:/run/m.sock"]).metrics
                == MetricsAddress(host: "unix:/run/m.sock", port: 0, isPublic: false))
        let both = socket.merging(["METRICS_HOST": "unix:/run/core-api/api.sock"]) { $1 }
        #expect(try configuration(both).metrics?.isPublic == true)
        let port = socket.merging(["METRICS_PORT": "5000", "METRICS_HOST": "127.0.0.1"]) { $1 }
        #expect(
            try configuration(port).metrics
                == MetricsAddress(host: "127.0.0.1", port: 5_000, isPublic: false))
        do throws(ConfigurationError) {
            _ = try configuration(socket.merging(["METRICS_PORT": "9100"]) { $1 })
            Issue.record("the metrics have no address")
        } catch { #expect(error.variable == "METRICS_PORT") }
        for path in ["", "relative", "/", "/folder/", "/" + String(repeating: "p", count: 107)] {
            for variable in ["HTTP_HOST", "METRICS_HOST"] {
                do throws(ConfigurationError) {
                    _ = try configuration([variable: "unix:\(path)"])
                    Issue.record("\(path) is accepted")
                } catch { #expect(error.variable == variable) }
            }
        }
    }

    @Test func `metrics are served where METRICS_PORT says, by default on HTTP_HOST`() throws {
        #expect(try configuration([:]).metrics == nil)
        let host = ["HTTP_HOST": "::1", "METRICS_PORT": "9100"]
        #expect(
            try configuration(host).metrics
                == MetricsAddress(host: "::1", port: 9_100, isPublic: false))
        #expect(
            try configuration(host.merging(["METRICS_HOST": "127.0.0.1"]) { $1 }).metrics
                == MetricsAddress(host: "127.0.0.1", port: 9_100, isPublic: false))
        // Two free ports are not one.
        #expect(
            try configuration(["HTTP_PORT": "0", "METRICS_PORT": "0"]).metrics?.isPublic == false)
        let same = ["HTTP_PORT": "80", "METRICS_PORT": "80"]
        #expect(try configuration(same).metrics?.isPublic == true)
        #expect(throws: ConfigurationError.self) {
            try configuration(same.merging(["METRICS_HOST": "127.0.0.1"]) { $1 })
        }
        // A port of their own needs files of its own.
        #expect(
            try configuration(["METRICS_PORT": "9100"], openFilesMax: 200).connectionsMax
                < configuration([:], openFilesMax: 200).connectionsMax)
    }

    @Test func `a secret is required, is bytes, and is never shown`() throws {
        for missing in [[UInt8]?.none, []] {
            do {
                _ = try Configuration(
                    environment: { $0 == "JWT_SECRET" ? missing : nil }, cores: 1,
                    openFilesMax: 1_024)
                Issue.record("accepted")
            } catch {
                #expect(error.variable == "JWT_SECRET")
                #expect(error.value == nil)
            }
        }
        let bytes: [UInt8] = [0xFF, 0xFE, 0x0A]
        let configuration = try Configuration(
            environment: { $0 == "JWT_SECRET" ? bytes : nil }, cores: 1, openFilesMax: 1_024)
        #expect(configuration.secrets.secrets == [bytes])
    }

    @Test(arguments: [
        ("HTTP_PORT", "65536"), ("HTTP_PORT", "-1"), ("HTTP_PORT", "80 "), ("HTTP_PORT", "http"),
        ("HTTP_PORT", "+80"), ("METRICS_PORT", "65536"), ("METRICS_PORT", "on"),
        ("METRICS_HOST", "127.0.0.1"),
        ("REDIS_URL", "127.0.0.1:6379"), ("REDIS_URL", "http://a"), ("REDIS_URL", "redis://a:0"),
        ("REDIS_URL", "redis://a/x"), ("REDIS_URL", "redis-sentinel://a"),
        ("REDIS_URL", "redis-sentinel://"), ("REDIS_URL", "redis-sentinel://a:0"),
        ("DURABILITY", "aof+replica:0"), ("DURABILITY", "aof+replica"),
        ("DURABILITY", "replica:1+aof"), ("DURABILITY", "aof+"), ("DURABILITY", "aof+aof"),
        ("QUEUE", "rq:default "), ("QUEUE", "rq: default"), ("QUEUE", "stream: "),
        ("DURABILITY", "disk"), ("DURABILITY", "replica:0"), ("DURABILITY", "replica"),
        ("DURABILITY", "replica:101"), ("ENQUEUE_TIMEOUT", "0"), ("ENQUEUE_TIMEOUT", "31"),
        ("QUEUE", "default"), ("QUEUE", "rq:"), ("QUEUE", "stream:"), ("QUEUE", "kafka:x"),
        ("QUEUE", "Memory"), ("QUEUE", "rq:a{b"), ("QUEUE", "rq:}"), ("QUEUE", "stream:{a}"),
        ("QUEUE", "stream:a}:1"),
        ("THREADS", "0"), ("THREADS", "1025"), ("THREADS", "two"),
        ("STATUS_SECONDS", "-1"), ("STATUS_SECONDS", "31536001"), ("STATUS_SECONDS", "1h"),
        ("RATE_LIMIT", "100"), ("RATE_LIMIT", "100/"), ("RATE_LIMIT", "/60"), ("RATE_LIMIT", "/"),
        ("RATE_LIMIT", "0/60"), ("RATE_LIMIT", "100/0"), ("RATE_LIMIT", "100001/60"),
        ("RATE_LIMIT", "1/86401"), ("RATE_LIMIT", "1/1/1"), ("RATE_LIMIT", "+1/60"),
        ("RATE_LIMIT", "1.5/60"), ("RATE_LIMIT", " 1/60"), ("RATE_LIMIT", "100/min"),
        ("RATE_LIMIT", "99999999999999999999/60"),
        ("MAX_CONNECTIONS", "0"), ("MAX_CONNECTIONS", "1000001"), ("MAX_CONNECTIONS", "many"),
        ("MAX_CONNECTIONS", "1000"),
        ("JWT_LEEWAY_SECONDS", "-1"),
        ("JWT_LEEWAY_SECONDS", "1.5"), ("JWT_MAX_LIFETIME_SECONDS", "0"), ("LOG_LEVEL", "INFO"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"), ("HTTP_HOST", "a\nb"), ("HTTP_HOST", "a b"),
        ("HTTP_HOST", "http://a"), ("HTTP_HOST", "127.0.0.1:80"), ("HTTP_HOST", "[::1]"),
        ("HTTP_HOST", "256.0.0.1"), ("HTTP_HOST", ":::"), ("HTTP_HOST", "a%lo"),
    ])
    func `an invalid value is reported with its variable and the allowed values`(
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

    @Test(arguments: [
        ("HTTP_PORT", "05000"), ("HTTP_PORT", "00"), ("THREADS", "02"), ("PARTITIONS", "08"),
        ("STATUS_SECONDS", "060"), ("RATE_LIMIT", "01/60"), ("RATE_LIMIT", "1/060"),
        ("RATE_LIMIT", "00/60"), ("DURABILITY", "replica:01"), ("DURABILITY", "aof+replica:01"),
        ("RQ_JOB_TIMEOUT", "0180"), ("RQ_FAILURE_TTL", "-01"), ("REPLAY_BYTES", "00"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0500"),
    ])
    func `a number with a leading zero is refused, and the error says so`(
        variable: String, value: String
    ) {
        let queue = variable == "PARTITIONS" ? "stream:s" : "rq:default"
        do {
            _ = try configuration([variable: value, "QUEUE": queue])
            Issue.record("accepted")
        } catch {
            #expect(error.variable == variable)
            #expect(error.value == value)
            #expect(error.expectation.contains("without leading zeros"))
        }
    }

    @Test func `zero alone is a number`() throws {
        let configuration = try configuration(["HTTP_PORT": "0", "REPLAY_BYTES": "0"])
        #expect(configuration.port == 0)
    }

    @Test func `without a bound, connections are bounded by the limit of open files`() throws {
        for openFilesMax in [50, 64, 100, 1_024, 20_000, 1_048_576] {
            let configuration = try configuration([:], openFilesMax: openFilesMax)
            let openFiles = OpenFiles(limit: openFilesMax, threads: configuration.threads)
            let needed = openFiles.needed(connectionsMax: configuration.connectionsMax)
            #expect(configuration.connectionsMax > 0)
            #expect(configuration.connectionsMax <= OpenFiles.connectionsDefaultMax)
            #expect(needed <= openFilesMax)
        }
    }

    @Test
    func `a MAX_CONNECTIONS above the limit of open files is refused, with the possible maximum`()
        throws
    {
        do {
            _ = try configuration(["MAX_CONNECTIONS": "1000"], openFilesMax: 1_024)
            Issue.record("accepted")
        } catch {
            #expect(error.variable == "MAX_CONNECTIONS")
            #expect(error.value == "1000")
            let words = error.expectation.split { !$0.isNumber }.compactMap { Int($0) }
            try #require(words.count == 3)
            #expect(words[0] == 1_024)
            let most = try configuration(
                ["MAX_CONNECTIONS": "\(words[1])"], openFilesMax: 1_024)
            #expect(most.connectionsMax == words[1])
            let raised = try configuration(["MAX_CONNECTIONS": "1000"], openFilesMax: words[2])
            #expect(raised.connectionsMax == 1_000)
        }
    }

    @Test func `more loops than the limit of open files holds are refused`() {
        do {
            _ = try configuration(["THREADS": "100"], openFilesMax: 256)
            Issue.record("accepted")
        } catch {
            #expect(error.variable == "THREADS")
            #expect(error.value == "100")
            #expect(error.expectation.contains("1018"))
        }
    }

    @Test func `an empty variable counts as not set`() throws {
        #expect(
            try configuration(["HTTP_PORT": "", "QUEUE": "", "JWT_AUDIENCE": ""]).port == 5_000)
    }

    @Test func `a URL's login is not shown`() {
        for url in [
            "redis://hunter2:x", "redis://hunter2:/0", "redis://hunter2:db.example:6379",
            "redis://hunter2:x@h:0", "redis://hunter2@h:0", "unix://hunter2@h/s",
            "redis://user:hunter2@host:0/0", "redis://:hunter2", "redis://:hunter2%40db:6379/0",
            "redis://user:hunter2", "hunter2@host",
            "redis:hunter2@host", ":hunter2", "redis://host:hunter2/0",
            "redis://host/x?password=hunter2", "unix://x?password=hunter2", "redis://h?hunter2=1",
            "redis://h:6379/0&password=hunter2", "redis://h:6379/0 password=hunter2",
            "password=hunter2", "redis-sentinel://h:26001/0&password=hunter2?master=m",
            "unix://user:hunter2@run/redis.sock", "rediss://:hunter2/x?db=1", "redis://:hunt?er2",
        ] {
            do {
                _ = try configuration(["REDIS_URL": url])
                Issue.record("accepted: \(url)")
            } catch {
                #expect(error.variable == "REDIS_URL")
                for part in ["hunt", "er2"] { #expect(!error.description.contains(part), "\(url)") }
            }
        }
    }
}
