import ChildProcess
import CoreAPIRedis
import Foundation
import Testing

@testable import CoreAPIServer

/// `GET /metrics` of the real server.
@Suite(.timeLimit(.minutes(10))) struct MetricsTests {
    @Test func `answers are counted by route, method, status and code`() async throws {
        try await RedisServer.with { redis in
            let environment = [
                "REDIS_URL": redis.url, "QUEUE": "stream:t", "METRICS_PORT": "0", "THREADS": "2",
            ]
            try await APIServer.with(environment) { server in
                let port = try await server.metricsPort()
                for _ in 0..<20 { #expect(try server.post(APIServer.body()).status == 200) }
                let keyed = "Idempotency-Key: k\r\n"
                for _ in 0..<3 { _ = try server.post(APIServer.body(), fields: keyed) }
                #expect(try server.post(APIServer.body(amount: 7), fields: keyed).status == 422)
                #expect(try server.post(APIServer.body(amount: 0)).status == 422)
                #expect(try server.post(APIServer.body(token: "x")).status == 401)
                #expect(try server.get("/health").status == 200)
                #expect(try server.get("/health/live").status == 200)
                #expect(try server.get("/secret-of-a-caller").status == 404)
                let deletion = "DELETE /transaction HTTP/1.1\r\nHost: a\r\n\r\n"
                #expect(try server.exchange(deletion).status == 405)
                #expect(try server.exchange("nonsense\r\n\r\n").status == 400)
                #expect(try server.exchange("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status == 204)

                let scrape = try Scrape(port: port)
                #expect(scrape.requests("/transaction", "POST", 200) == 23)
                #expect(scrape.requests("/transaction", "POST", 422) == 2)
                #expect(scrape.requests("/transaction", "POST", 401) == 1)
                #expect(scrape.requests("/transaction", "POST", 503) == 0)
                #expect(scrape.requests("/transaction", "DELETE", 405) == 1)
                #expect(scrape.requests("/health", "GET", 200) == 1)
                #expect(scrape.requests("/health/live", "GET", 200) == 1)
                #expect(scrape.requests("other", "GET", 404) == 1)
                #expect(scrape.requests("*", "OPTIONS", 204) == 1)
                #expect(scrape.requests("-", "-", 400) == 1)
                for (code, count) in [
                    ("idempotency_key_reused", 1), ("invalid_transaction", 1),
                    ("token_malformed", 1), ("not_found", 1), ("method_not_allowed", 1),
                    ("malformed_request", 1), ("queue_unavailable", 0),
                ] { #expect(scrape.refusals(code) == Double(count), "\(code)") }
                expectQueue(scrape)
                #expect(!scrape.answer.body.contains("secret-of-a-caller"))
            }
        }
    }

    private func expectQueue(_ scrape: Scrape) {
        let duration = "core_api_http_request_duration_seconds"
        #expect(scrape["\(duration)_count{route=\"/transaction\"}"] == 27)
        #expect(scrape["\(duration)_bucket{route=\"/transaction\",le=\"+Inf\"}"] == 27)
        #expect((scrape["\(duration)_sum{route=\"/transaction\"}"] ?? 0) > 0)
        let enqueues = "core_api_queue_enqueues_total"
        #expect(scrape["\(enqueues){queue=\"stream:t\",result=\"enqueued\"}"] == 21)
        #expect(scrape["\(enqueues){queue=\"stream:t\",result=\"replayed\"}"] == 2)
        #expect(
            scrape["core_api_queue_enqueue_duration_seconds_count{queue=\"stream:t\"}"] == 24)
        #expect(
            scrape[
                "core_api_queue_enqueue_failures_total{queue=\"stream:t\","
                    + "outcome=\"not_enqueued\",reason=\"idempotency_key_reused\"}"] == 1)
        // No series is of another queue than the configured one.
        let others = scrape.values.keys.filter {
            $0.contains("queue=\"") && !$0.contains("queue=\"stream:t\"")
        }
        #expect(others == [])
        #expect(scrape["core_api_transactions_in_flight"] == 0)
        #expect(scrape["core_api_transactions_in_flight_max"] == 16_384)
        #expect(scrape["core_api_http_connections_opened_total{admission=\"served\"}"] == 32)
        #expect(scrape["core_api_loops"] == 2)
        #expect((scrape["core_api_loop_turn_duration_seconds_count"] ?? 0) > 0)
        #expect((scrape["core_api_loop_turn_longest_seconds"] ?? 0) > 0)
        #expect(scrape["core_api_build_info{version=\"0.1.0\"}"] == 1)
    }

    // MARK: - Where

    @Test func `without METRICS_PORT there are no metrics, and with it not on the public port`()
        async throws
    {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let answer = try server.get("/metrics")
            #expect(answer.status == 404)
            #expect(!server.program.errors.contains("metrics"))
        }
        try await APIServer.with(["QUEUE": "memory", "METRICS_PORT": "0"]) { server in
            let answer = try server.get("/metrics")
            #expect(answer.status == 404)
            #expect(!answer.body.contains("/metrics,"))
            let port = try await server.metricsPort()
            let client = try RawClient(port: port)
            try client.send(APIServer.post(APIServer.body()))
            #expect(try client.readAnswer().status == 404)
            for (method, status) in [("HEAD", 200), ("OPTIONS", 204), ("DELETE", 405)] {
                let client = try RawClient(port: port)
                try client.send(
                    "\(method) /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                let text = try client.readToEnd()
                let answer = try #require(Answer(text, hasBody: method == "DELETE"))
                #expect(answer.status == status)
                if method == "HEAD" { #expect(answer.rest.isEmpty) }
            }
        }
    }

    @Test func `METRICS_PORT may be HTTP_PORT: then callers find the metrics too`() async throws {
        let port = try FreePort.next()
        let environment = ["QUEUE": "memory", "HTTP_PORT": "\(port)", "METRICS_PORT": "\(port)"]
        try await APIServer.with(environment) { server in
            #expect(try server.post(APIServer.body()).status == 200)
            let scrape = try Scrape(port: server.port)
            #expect(scrape.requests("/transaction", "POST", 200) == 1)
        }
    }

    @Test func `a port or host for metrics that cannot be had ends the server with the reason`()
        async throws
    {
        try await APIServer.with(["QUEUE": "memory"]) { other in
            let cases = [
                (["METRICS_PORT": "\(other.port)"], Int32(1), "METRICS_PORT \(other.port)"),
                (["METRICS_PORT": "0", "METRICS_HOST": "nowhere.invalid"], 1, "METRICS_HOST"),
                (["METRICS_PORT": "0", "METRICS_HOST": "[::1]"], 78, "METRICS_HOST"),
                (["METRICS_HOST": "127.0.0.1"], 78, "give METRICS_PORT"),
            ]
            for (environment, status, words) in cases {
                let all = ["JWT_SECRET": "x", "HTTP_PORT": "0", "QUEUE": "memory"]
                    .merging(environment) { $1 }
                let result = try await Program.run(Program.built("core-api"), environment: all)
                #expect(result.status == status)
                #expect(result.errors.contains(words), "\(result.errors)")
            }
        }
    }

    // MARK: - When

    @Test func `callers at MAX_CONNECTIONS do not lock the scraper out`() async throws {
        let environment = ["QUEUE": "memory", "METRICS_PORT": "0", "MAX_CONNECTIONS": "2"]
        try await APIServer.with(environment) { server in
            let port = try await server.metricsPort()
            var held: [RawClient] = []
            for _ in 0..<2 {
                let client = try RawClient(port: server.port)
                try client.send("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.readAnswer().status == 200)
                held.append(client)
            }
            let refused = try RawClient(port: server.port)
            #expect(try refused.readAnswer().status == 503)
            let scrape = try Scrape(port: port)
            #expect(scrape["core_api_http_connections"] == 2)
            #expect(scrape["core_api_http_connections_max"] == 2)
            #expect(scrape["core_api_http_connections_opened_total{admission=\"refused\"}"] == 1)
            #expect(scrape.refusals("overloaded") == 1)
        }
    }

    @Test func `the metrics' port has a bound of its own, and keeps it`() async throws {
        try await APIServer.with(["QUEUE": "memory", "METRICS_PORT": "0"]) { server in
            let port = try await server.metricsPort()
            var held: [RawClient] = []
            for _ in 0..<33 {
                held.append(try RawClient(port: port))
                _ = try Scrape(held[held.count - 1])
            }
            // The first one has made room for the last one, and for nobody else.
            #expect(try held[0].readSome().isEmpty)
            for client in held.dropFirst() { _ = try Scrape(client) }
            #expect(try server.post(APIServer.body()).status == 200)
        }
    }

    @Test func `while the server ends, scrapes go on, and readiness fails on both ports`()
        async throws
    {
        try await RedisServer.with { redis in
            let environment = [
                "REDIS_URL": redis.url, "QUEUE": "stream:t", "METRICS_PORT": "0",
                "ENQUEUE_TIMEOUT": "30",
            ]
            try await APIServer.with(environment) { server in
                let port = try await server.metricsPort()
                try await eventually("Redis is there") {
                    try server.get("/health/ready").status == 200
                }
                redis.pause()
                defer { redis.resume() }
                let client = try RawClient(port: server.port)
                try client.send(APIServer.post(APIServer.body()))
                try await eventually("it is in flight") {
                    try Scrape(port: port)["core_api_transactions_in_flight"] == 1
                }
                server.program.signal(SIGTERM)
                try await eventually("it ends") {
                    server.program.errors.contains("draining: requests in flight finish")
                }
                let scraper = try RawClient(port: port)
                #expect(try Scrape(scraper)["core_api_transactions_in_flight"] == 1)
                for (path, status) in [("ready", 503), ("live", 200)] {
                    try scraper.send("GET /health/\(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try scraper.readAnswer().status == status)
                }
                redis.resume()
                #expect(try client.readAnswer().status == 200)
                // The scraper's open connection does not delay the drain.
                #expect(try await server.program.status() == 0)
            }
        }
    }

    @Test func `an outage of Redis is seen while it lasts, and counted afterwards`() async throws {
        try await RedisServer.with { redis in
            let environment = [
                "REDIS_URL": redis.url, "QUEUE": "rq:t", "METRICS_PORT": "0", "THREADS": "2",
            ]
            try await APIServer.with(environment) { server in
                let port = try await server.metricsPort()
                func ready() throws -> Double? {
                    try Scrape(port: port)["core_api_redis_connections_ready"]
                }
                try await eventually("both loops are connected") { try ready() == 2 }
                redis.kill()
                try await eventually("none is") { try ready() == 0 }
                #expect(try Scrape(port: port)["core_api_redis_connections"] == 2)
                try await redis.start()
                try await eventually("both are again") { try ready() == 2 }
                let scrape = try Scrape(port: port)
                #expect(scrape["core_api_redis_reconnects_total"] == 2)
                let failures = "core_api_redis_connection_failures_total"
                #expect(scrape["\(failures){reason=\"connection_lost\"}"] == 2)
            }
        }
    }

    @Test func `what Redis loses and gets again is counted, and logged with its ids`()
        async throws
    {
        try await RedisServer.with(["--appendonly", "no"]) { redis in
            let environment = [
                "REDIS_URL": redis.url, "QUEUE": "stream:t", "METRICS_PORT": "0", "THREADS": "1",
            ]
            try await APIServer.with(environment) { server in
                let port = try await server.metricsPort()
                func counts() throws -> [Double?] {
                    let scrape = try Scrape(port: port)
                    return ["lost", "replayed"].map {
                        scrape["core_api_redis_confirmations_\($0)_total{queue=\"stream:t\"}"]
                    }
                }
                let ids = try (0..<3).map { _ in
                    try #require(server.post(APIServer.body()).fields["transaction-id"])
                }
                #expect(try counts() == [0, 0])
                redis.kill()
                try await redis.start()
                try await eventually("the stream has them again") {
                    try await redis.command("XLEN", "t") == .integer(3)
                }
                #expect(try counts() == [3, 3])
                let log = server.program.errors
                #expect(log.contains("Redis has lost confirmed transactions"))
                #expect(log.contains("confirmed transactions are sent again"))
                #expect(ids.allSatisfy(log.contains))
            }
        }
    }

    @Test func `depth, age and workers in the metrics equal those of /health`() async throws {
        try await RedisServer.with { redis in
            let environment = ["REDIS_URL": redis.url, "QUEUE": "rq:p", "METRICS_PORT": "0"]
            try await APIServer.with(environment) { server in
                let port = try await server.metricsPort()
                func queue(_ name: String) throws -> Double? {
                    try Scrape(port: port)["core_api_queue_\(name){queue=\"rq:p\"}"]
                }
                try await eventually("Redis is there") {
                    try server.get("/health/ready").status == 200
                }
                for _ in 0..<3 { #expect(try server.post(APIServer.body()).status == 200) }
                try await eventually("three wait for nobody") {
                    try queue("depth") == 3 && queue("workers_alive") == 0
                }
                try await eventually("they get older") { try queue("oldest_age_seconds") ?? 0 > 0 }
                let worker = try RQWorker.start("rq-newest", on: redis, queue: "p")
                try await eventually("somebody takes them") {
                    try queue("depth") == 0 && queue("workers_alive") == 1
                        && queue("workers_registered") == 1 && queue("oldest_age_seconds") == 0
                }
                worker.signal(SIGTERM)
                redis.kill()
                // A figure that Redis does not report is left out.
                try await eventually("it is gone") { try queue("depth") == nil }
            }
        }
    }

    // MARK: - How

    @Test func `Accept chooses the format, and tools read both without complaint`() async throws {
        try await RedisServer.with { redis in
            let environment = ["REDIS_URL": redis.url, "METRICS_PORT": "0", "THREADS": "2"]
            try await APIServer.with(environment) { server in
                let port = try await server.metricsPort()
                #expect(try server.post(APIServer.body()).status == 200)
                #expect(try server.post(APIServer.body(amount: 0)).status == 422)
                let text = try Scrape(port: port)
                #expect(
                    text.answer.fields["content-type"]
                        == "text/plain; version=0.0.4; charset=utf-8")
                // The Accept field of Prometheus 2.
                let open = try Scrape(
                    port: port,
                    accept: "application/openmetrics-text;version=1.0.0,"
                        + "application/openmetrics-text;version=0.0.1;q=0.75,"
                        + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
                #expect(
                    open.answer.fields["content-type"]
                        == "application/openmetrics-text; version=1.0.0; charset=utf-8")
                #expect(open.answer.body.hasSuffix("\n# EOF\n"))
                #expect(Set(open.values.keys).isSuperset(of: text.values.keys))

                try await Scrape.expectLintFree(port: port)
                let names = try await Scrape.openMetrics(
                    port: port, printing: "[family.name for family in families]")
                #expect(Set(names.split(separator: " ").map(String.init)) == open.families)
            }
        }
    }

    @Test func `the process's own figures are the kernel's`() async throws {
        try await APIServer.with(["QUEUE": "memory", "METRICS_PORT": "0"]) { server in
            let port = try await server.metricsPort()
            let client = try RawClient(port: port)
            let scrape = try Scrape(client)
            let files = try FileManager.default.contentsOfDirectory(
                atPath: "/proc/\(server.program.identifier)/fd")
            #expect(scrape["process_open_fds"] == Double(files.count))
            #expect((scrape["process_max_fds"] ?? 0) > Double(files.count))
            #expect((scrape["process_cpu_seconds_total"] ?? 0) > 0)
            let memory = scrape["process_resident_memory_bytes"] ?? 0
            #expect(memory > 1_000_000)
            #expect((scrape["process_virtual_memory_bytes"] ?? 0) > memory)
            let age = Date.now.timeIntervalSince1970 - (scrape["process_start_time_seconds"] ?? 0)
            #expect((0..<600).contains(age))
        }
    }
}
