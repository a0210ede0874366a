import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// `redis-sentinel://` with passwords, access lists and TLS.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SentinelLoginTests {
    private let redisPassword = "redis%40password"
    private let sentinelPassword = "sentinel%2Bpassword"

    /// Redis and the sentinels have different passwords.
    private var withPasswords: SentinelGroup.Options {
        var options = SentinelGroup.Options()
        options.redis = ["--requirepass", "redis@password", "--masterauth", "redis@password"]
        options.sentinel = [
            "sentinel auth-pass \(SentinelGroup.name) redis@password",
            "requirepass sentinel+password", "sentinel sentinel-pass sentinel+password",
        ]
        options.redisLogin = ":\(redisPassword)@"
        options.sentinelLogin = ":\(sentinelPassword)@"
        return options
    }

    private func environment(
        _ url: String, _ more: [String: String] = [:]
    ) -> [String: String] {
        [
            "REDIS_URL": url, "QUEUE": "stream:transactions", "THREADS": "1",
            "HEALTH_WORKERS_MIN": "0", "LOG_LEVEL": "trace",
        ].merging(more) { $1 }
    }

    private func isServed(_ server: APIServer) throws -> Bool {
        try server.post(APIServer.body()).status == 200
            && server.get("/health/ready").status == 200
    }

    private func expectNoPasswords(_ log: String) {
        for password in ["redis@pass", "sentinel+pass", "wrong-one", redisPassword] {
            #expect(!log.contains(password))
        }
    }

    @Test func `sentinels and Redis have a password each`() async throws {
        try await SentinelGroup.with(withPasswords) { group in
            let url = group.url(
                of: group.sentinels, "&sentinel_password=\(sentinelPassword)")
            try await APIServer.with(environment(url)) { server in
                try await eventually("served") { try isServed(server) }
                _ = try await group.failOver()
                try await eventually("served again") { try isServed(server) }
                expectNoPasswords(server.program.errors)
            }
        }
    }

    @Test func `a wrong password of either is named, and not shown`() async throws {
        try await SentinelGroup.with(withPasswords) { group in
            for parameters in ["", "&sentinel_password=wrong-one"] {
                let url = group.url(of: group.sentinels, parameters)
                try await APIServer.with(environment(url)) { server in
                    try await HealthAnswer.eventually("sentinels refuse", server) {
                        $0.output("redis:responseTime").contains("the sentinels refuse")
                    }
                    #expect(server.program.errors.contains("sentinelRefused"))
                    #expect(server.program.errors.contains("sentinel_password"))
                    expectNoPasswords(server.program.errors)
                }
            }
            let url = group.url(of: group.sentinels, "&sentinel_password=\(sentinelPassword)")
                .replacing(redisPassword, with: "wrong-one")
            try await APIServer.with(environment(url)) { server in
                try await HealthAnswer.eventually("Redis refuses", server) {
                    $0.output("redis:responseTime").contains("Redis refuses the login")
                }
                #expect(server.program.errors.contains("WRONGPASS"))
                expectNoPasswords(server.program.errors)
            }
        }
    }

    @Test func `users with the rights that the documents name suffice`() async throws {
        var options = SentinelGroup.Options()
        let (name, rights) = RedisServer.accessRights[1]
        #expect(name == "stream-producer")
        let all = rights + RedisServer.healthRights[1] + RedisServer.sentinelRights.redis
        let ofSentinel = RedisServer.sentinelRights.sentinel.joined(separator: " ")
        options.sentinel = ["user watcher on >s resetchannels -@all \(ofSentinel)"]
        try await SentinelGroup.with(options) { group in
            try await group.setUser(["producer", "on", ">p", "resetchannels", "-@all"] + all)
            let url = group.url(
                of: group.sentinels, "&sentinel_username=watcher&sentinel_password=s"
            ).replacing("://", with: "://producer:p@")
            try await APIServer.with(environment(url)) { server in
                try await eventually("served") { try isServed(server) }
                // A subscription that is refused would show nowhere else.
                try await eventually("it subscribes") {
                    let clients = try await group.sentinels[0].command("CLIENT", "LIST")
                    guard case .bulk(let text) = clients else { return false }
                    return String(decoding: text, as: UTF8.self).split(separator: "\n")
                        .contains { $0.contains(" sub=1 ") && $0.contains("user=watcher") }
                }
                _ = try await group.failOver()
                try await eventually("served again") { try isServed(server) }
            }
        }
    }

    @Test func `without the right to hear announcements, failovers are followed as well`()
        async throws
    {
        var options = SentinelGroup.Options()
        let rights = RedisServer.sentinelRights.sentinel.filter { $0 != "+subscribe" }
        options.sentinel = ["user watcher on >s -@all \(rights.joined(separator: " "))"]
        try await SentinelGroup.with(options) { group in
            let url = group.url(
                of: group.sentinels, "&sentinel_username=watcher&sentinel_password=s")
            let more = ["ENQUEUE_TIMEOUT": "30", "DURABILITY": "replica:1", "THREADS": "2"]
            try await APIServer.with(environment(url, more)) { server in
                #expect(try isServed(server))
                try await TokenLoad.with(server, signedWith: [APIServer.secret]) { load in
                    var old = try await group.master()
                    old.pause()
                    let new = try await group.master(after: old)
                    try await load.answers(20)
                    old.resume()
                    try await load.answers(20)
                    try await eventually("the old master is a replica") {
                        guard case .array(let role) = try await group.command("ROLE", at: old)
                        else { return false }
                        return role.first == .bulk(Array("slave".utf8))
                    }
                    old = new
                    #expect(try await group.failOver() !== old)
                    try await load.answers(20)
                    #expect(load.refused == [])
                }
                let log = server.program.errors
                #expect(log.components(separatedBy: "the master has moved").count == 3)
            }
        }
    }

    @Test func `without the right to ROLE, the log says which right is missing`() async throws {
        try await SentinelGroup.with { group in
            try await group.setUser(["producer", "on", ">xyzzy", "~*", "+@all", "-role"])
            let url = group.url.replacing("://", with: "://producer:xyzzy@")
            try await APIServer.with(environment(url)) { server in
                try await HealthAnswer.eventually("refused", server) {
                    $0.output("redis:responseTime").contains("Redis refuses the login")
                }
                #expect(server.program.errors.contains("'role' command"))
            }
        }
    }

    @Test func `rediss-sentinel encrypts the connections to sentinels and to Redis`() async throws {
        try await TestCertificates.with { certificates in
            var options = SentinelGroup.Options()
            options.certificates = certificates
            try await SentinelGroup.with(options) { group in
                let environment = environment(group.url, certificates.environment())
                try await APIServer.with(environment) { server in
                    try await eventually("served") { try isServed(server) }
                    let port = try await group.sentinels[0].masterPort(SentinelGroup.name)
                    try await eventually("a sentinel takes the order") {
                        (try? await group.sentinels[0].command(
                            "SENTINEL", "FAILOVER", SentinelGroup.name)) != nil
                    }
                    try await eventually("another master") {
                        try await group.sentinels[0].masterPort(SentinelGroup.name) != port
                    }
                    try await eventually("served again") { try isServed(server) }
                    try await eventually("at the new master") {
                        try isServed(server)
                            && server.program.errors.contains("the master has moved")
                    }
                }
                let stranger = environment.merging(
                    certificates.environment(authority: "other-ca")
                ) { $1 }
                try await APIServer.with(stranger) { server in
                    try await HealthAnswer.eventually("not trusted", server) {
                        $0.output("redis:responseTime") == "none of the sentinels answers"
                    }
                    let log = server.program.errors
                    #expect(log.contains("no sentinel answers"))
                    #expect(log.contains("certificate"), "the log tells the reasons")
                }
            }
        }
    }
}
