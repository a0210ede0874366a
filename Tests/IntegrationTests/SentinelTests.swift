import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// `redis-sentinel://`: the server with real sentinels, in failovers and without sentinels.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SentinelTests {
    private func environment(
        _ url: String, _ queue: String = "rq:default", _ more: [String: String] = [:]
    ) -> [String: String] {
        [
            "REDIS_URL": url, "QUEUE": queue, "THREADS": "2", "HEALTH_WORKERS_MIN": "0",
            "ENQUEUE_TIMEOUT": "30",
        ].merging(more) { $1 }
    }

    /// The ids of as many transactions, each of which has to be confirmed.
    private func post(_ count: Int, _ server: APIServer) throws -> Set<String> {
        var ids: Set<String> = []
        for _ in 0..<count {
            let answer = try server.post(APIServer.body())
            #expect(answer.status == 200, "\(answer.body)")
            if let id = answer.fields["transaction-id"] { ids.insert(id) }
        }
        #expect(ids.count == count)
        return ids
    }

    private func eventuallyReady(_ server: APIServer) async throws {
        try await HealthAnswer.eventually("ready", server, path: "/health/ready") {
            $0.httpStatus == 200
        }
    }

    // MARK: - Failovers

    @Test(arguments: ["rq:default", "stream:s"])
    func `in planned failovers callers get 200 alone, and nothing is lost`(queue: String)
        async throws
    {
        try await SentinelGroup.with { group in
            let environment = environment(group.url, queue, ["DURABILITY": "replica:1"])
            try await APIServer.with(environment) { server in
                var ids = try post(20, server)
                try await TokenLoad.with(server, signedWith: [APIServer.secret]) { load in
                    for _ in 1...2 {
                        _ = try await group.failOver()
                        try await load.answers(20)
                        ids.formUnion(try post(20, server))
                        try await eventuallyReady(server)
                    }
                    #expect(load.refused == [])
                }
                let master = try await group.master()
                #expect(try await group.ids(queue, at: master).isSuperset(of: ids))
                let log = server.program.errors
                #expect(log.contains("the master has moved"))
                #expect(log.contains("\"address\":\"127.0.0.1:\(master.port)\""))
            }
        }
    }

    @Test(arguments: ["rq:default", "stream:s"])
    func `a killed master costs time, and no transaction`(queue: String) async throws {
        try await SentinelGroup.with { group in
            try await APIServer.with(environment(group.url, queue)) { server in
                var ids = try post(20, server)
                try await TokenLoad.with(server, signedWith: [APIServer.secret]) { load in
                    let old = try await group.master()
                    old.kill()
                    ids.formUnion(try post(20, server))
                    try await load.answers(20)
                    #expect(load.refused == [])
                    #expect(try await group.master() !== old)
                }
                let master = try await group.master()
                #expect(try await group.ids(queue, at: master).isSuperset(of: ids))
            }
        }
    }

    @Test func `a failover is followed through sentinels that the URL does not name`() async throws
    {
        try await SentinelGroup.with { group in
            let url = group.url(of: [group.sentinels[0]])
            try await APIServer.with(environment(url)) { server in
                _ = try post(1, server)
                group.sentinels[0].kill()
                let old = try await group.master(Array(group.sentinels[1...]))
                old.kill()
                let ids = try post(5, server)
                let master = try await group.master(
                    after: old, Array(group.sentinels[1...]))
                #expect(try await group.ids("rq:default", at: master).isSuperset(of: ids))
            }
        }
    }

    @Test func `after a failover, a confirmation waits until the new master has a replica`()
        async throws
    {
        try await SentinelGroup.with { group in
            let environment = environment(
                group.url, "stream:s", ["DURABILITY": "replica:2", "ENQUEUE_TIMEOUT": "2"])
            try await APIServer.with(environment) { server in
                let old = try await group.master()
                #expect(try server.post(APIServer.body()).status == 200)
                old.kill()
                _ = try await group.master(after: old)
                let key = "Idempotency-Key: k\r\n"
                let body = APIServer.body(amount: 7)
                try await eventually("the new master takes it, and has one replica") {
                    try server.post(body, fields: key).status == 504
                }
                try await HealthAnswer.eventually("not durable", server) {
                    $0.output("redis:durability").contains("needs 2 replicas")
                }
                try await old.start()
                try await eventually("confirmed, once the old master is a replica") {
                    try server.post(body, fields: key).status == 200
                }
            }
        }
    }

    // MARK: - Sentinels that are away

    @Test func `the server starts without sentinels, says so, and serves once they come`()
        async throws
    {
        var options = SentinelGroup.Options()
        options.startsSentinels = false
        try await SentinelGroup.with(options) { group in
            let environment = environment(group.url, "rq:default", ["ENQUEUE_TIMEOUT": "1"])
            try await APIServer.with(environment) { server in
                try await HealthAnswer.eventually("none answers", server) {
                    $0.httpStatus == 503
                        && $0.output("redis:responseTime") == "none of the sentinels answers"
                }
                let refused = try server.post(APIServer.body())
                #expect(refused.status == 503)
                #expect(refused.body.contains("queue_unavailable"))
                #expect(server.program.errors.contains("sentinelsUnreachable"))
                try await group.startSentinels()
                try await eventuallyReady(server)
                _ = try post(5, server)
                for sentinel in group.sentinels { sentinel.kill() }
                _ = try post(5, server)
            }
        }
    }

    @Test func `a name that no sentinel knows is told from sentinels that are away`() async throws {
        try await SentinelGroup.with { group in
            let url = group.url.replacing(SentinelGroup.name, with: "other")
            try await APIServer.with(environment(url)) { server in
                try await HealthAnswer.eventually("unknown", server) {
                    $0.httpStatus == 503
                        && $0.output("redis:responseTime").contains("none knows the name")
                }
                #expect(server.program.errors.contains("masterNameUnknown"))
                #expect(!server.program.errors.contains("sentinelsUnreachable"))
                let port = "\(group.servers[0].port)"
                for sentinel in group.sentinels {
                    _ = try await sentinel.command(
                        "SENTINEL", "MONITOR", "other", "127.0.0.1", port, "2")
                }
                try await eventuallyReady(server)
                _ = try post(5, server)
            }
        }
    }

    @Test func `sentinels that are dead or hang are passed over`() async throws {
        try await SentinelGroup.with { group in
            group.sentinels[0].kill()
            group.sentinels[1].pause()
            defer { group.sentinels[1].resume() }
            let url = group.url.replacing("127.0.0.1", with: "localhost")
            try await APIServer.with(environment(url)) { server in
                try await eventuallyReady(server)
                _ = try post(5, server)
            }
        }
    }

    @Test func `a failover is counted, once for each loop`() async throws {
        try await SentinelGroup.with { group in
            let environment = environment(group.url, "stream:s", ["METRICS_PORT": "0"])
            try await APIServer.with(environment) { server in
                let port = try await server.metricsPort()
                let ready = "core_api_redis_connections_ready"
                try await eventually("each loop is connected") {
                    try Scrape(port: port)[ready] == 2
                }
                _ = try await group.failOver()
                try await eventually("each loop is connected again") {
                    let scrape = try Scrape(port: port)
                    let failures = scrape.values.filter {
                        $0.key.hasPrefix("core_api_redis_connection_failures_total")
                    }
                    return scrape[ready] == 2 && scrape["core_api_redis_reconnects_total"] ?? 0 >= 2
                        && failures.keys.contains { $0.contains("reason=\"master_moved\"") }
                }
            }
        }
    }

    @Test func `a URL of sentinels without the master's name ends the start`() async throws {
        let result = try await Program.run(
            Program.built("core-api"), [],
            environment: [
                "JWT_SECRET": APIServer.secret, "HTTP_PORT": "0",
                "REDIS_URL": "redis-sentinel://:hunter2@127.0.0.1:26379/0",
            ])
        #expect(result.status == 78)
        #expect(result.errors.contains("REDIS_URL"))
        #expect(result.errors.contains("?master=NAME"))
        #expect(!result.errors.contains("hunter2"))
    }
}
