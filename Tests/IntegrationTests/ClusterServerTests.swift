import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// The server with a real Redis Cluster.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ClusterServerTests {
    private func environment(_ url: String) -> [String: String] {
        [
            "REDIS_URL": url, "QUEUE": "stream:s", "PARTITIONS": "8", "THREADS": "2",
        ]
    }

    private func post(_ server: APIServer, user: Int) throws -> Answer {
        try server.post(
            APIServer.body(token: APIServer.token(userID: user)),
            fields: "Idempotency-Key: k\r\n")
    }

    /// Every partition takes transactions, and finds its keys.
    private func expectService(_ server: APIServer) throws {
        for user in 0..<40 {
            let (first, second) = (try post(server, user: user), try post(server, user: user))
            #expect(first.status == 200 && second.status == 200)
            #expect(second.fields["idempotent-replayed"] == "true")
        }
    }

    @Test func `a user of the documented rights suffices`() async throws {
        try await ClusterGroup.with { group in
            try await group.setUser(
                [
                    "core-api", "on", ">pw", "resetchannels", "~s", "~{s:*}*", "~core-api:*",
                    "+evalsha", "+script|load", "+info", "+time", "+set", "+get", "+xadd",
                    "+exists", "+cluster|shards", "+cluster|slots",
                ])
            let url = group.url(of: [group.nodes[0]], login: "core-api:pw@")
            try await APIServer.with(environment(url)) { server in
                try expectService(server)
                #expect(try server.get("/health/ready").status == 200)
            }
        }
    }

    @Test func `rediss-cluster encrypts the connections to all nodes`() async throws {
        try await TestCertificates.with { certificates in
            var options = ClusterGroup.Options()
            options.replicas = 0
            options.certificates = certificates
            try await ClusterGroup.with(options) { group in
                let variables = environment(group.url)
                    .merging(certificates.environment()) { $1 }
                try await APIServer.with(variables) { server in try expectService(server) }
            }
        }
    }

    @Test func `a node that is away is a warning, and all of them are a failure`() async throws {
        var options = ClusterGroup.Options()
        options.replicas = 0
        try await ClusterGroup.with(options) { group in
            try await APIServer.with(environment(group.url)) { server in
                try expectService(server)
                try await HealthAnswer.eventually("the partitions are summed up", server) {
                    $0.number("queue:depth") == 40
                }
                let down = try await group.master(of: "{s:0}")
                down.server.kill()
                try await HealthAnswer.eventually("the node is missed", server) {
                    $0.status("redis:responseTime") == "warn"
                }
                #expect(try server.get("/health/ready").status == 200)
                for node in group.nodes { node.server.kill() }
                try await eventually("the server is not ready") {
                    try server.get("/health/ready").status == 503
                }
            }
        }
    }

    @Test func `a queue of python-rq is refused`() async throws {
        var variables = environment("redis-cluster://:hunter2@127.0.0.1:1")
        variables["QUEUE"] = "rq:default"
        variables["PARTITIONS"] = "1"
        variables["JWT_SECRET"] = APIServer.secret
        variables["HTTP_PORT"] = "0"
        let program = try Program(Program.built("core-api"), environment: variables)
        #expect(try await program.status() == 78)
        #expect(program.errors.contains("python-rq does not support a Redis Cluster"))
        #expect(!program.errors.contains("hunter2"))
    }
}
