import ChildProcess
import CoreAPIRedis
import Foundation
import Testing

/// The password and the certificates of Redis are replaced while callers post: no transaction is
/// refused.
@Suite(.serialized, .timeLimit(.minutes(15))) struct RedisRotationTests {
    private let renewed = "\"message\":\"connections to Redis renewed\""

    private func environment(_ file: RotatedFile, _ queue: String) -> [String: String] {
        ["REDIS_URL_FILE": file.path, "QUEUE": queue, "THREADS": "2", "HEALTH_WORKERS_MIN": "0"]
    }

    private func count(_ text: String, _ server: APIServer) -> Int {
        server.program.errors.ranges(of: text).count
    }

    private func eventually(_ count: Int, _ text: String, _ server: APIServer) async throws {
        do {
            try await IntegrationTests.eventually("\(count) times: \(text)") {
                self.count(text, server) >= count
            }
        } catch { throw TooLate(what: "\(error) \(server.program.errors.suffix(4_000))") }
    }

    private func withLoad(
        _ server: APIServer, _ body: (TokenLoad) async throws -> Void
    ) async throws {
        try await TokenLoad.with(server, signedWith: [APIServer.secret]) { load in
            try await load.answers(20)
            try await body(load)
            try await load.answers(50)
            #expect(load.refused == [], "\(server.program.errors.suffix(4_000))")
        }
        for password in ["old-password", "new-password"] {
            #expect(!server.program.errors.contains(password))
        }
    }

    private func setUser(_ words: String..., at servers: [RedisServer]) async throws {
        for server in servers {
            _ = try await server.command(["ACL", "SETUSER", "u"] + words)
        }
    }

    /// The old password is removed under load, once every connection has the new one.
    private func rotate(
        _ servers: [RedisServer], _ file: RotatedFile, to url: String, _ server: APIServer
    ) async throws {
        try await withLoad(server) { load in
            try await setUser(">new-password", at: servers)
            try file.write(url + "\n")
            try await eventually(1, renewed, server)
            try await load.answers(20)
            #expect(count("no connection to Redis", server) == 0)
            try await setUser("<old-password", at: servers)
            _ = try server.get("/health")
            // What reconnects, does it with the new password.
            for redis in servers {
                _ = try await redis.command("CLIENT", "KILL", "USER", "u")
            }
            try await load.answers(20)
            server.program.signal(SIGHUP)
            try await eventually(1, "Redis's login and certificates unchanged", server)
            #expect(count(renewed, server) == 1)
            #expect(try server.get("/health/ready").status == 200)
        }
    }

    @Test(arguments: ["rq:default", "stream:s", "stream:p"])
    func `a password is rotated, and the old one removed`(queue: String) async throws {
        try await RedisServer.with { redis in
            try await setUser("on", ">old-password", "~*", "+@all", at: [redis])
            let place = "127.0.0.1:\(redis.port)"
            let file = try RotatedFile("redis://u:old-password@\(place)\n")
            var environment = environment(file, queue)
            if queue == "stream:p" { environment["PARTITIONS"] = "8" }
            try await APIServer.with(environment) { server in
                try await rotate([redis], file, to: "redis://u:new-password@\(place)", server)
            }
        }
    }

    @Test func `the login of a master that sentinels know is rotated`() async throws {
        var options = SentinelGroup.Options()
        options.redisLogin = "u:old-password@"
        options.redis = ["--user", "u", "on", ">old-password", "~*", "&*", "+@all"]
        try await SentinelGroup.with(options) { group in
            let file = try RotatedFile(group.url)
            try await APIServer.with(environment(file, "stream:s")) { server in
                try await IntegrationTests.eventually("served") {
                    try server.post(APIServer.body()).status == 200
                }
                let url = group.url.replacing("old-password", with: "new-password")
                try await withLoad(server) { load in
                    try await setUser(">new-password", at: group.servers)
                    try file.write(url)
                    try await eventually(1, renewed, server)
                    try await setUser("<old-password", at: group.servers)
                    try await load.answers(20)
                }
                // The directory of the new login follows a failover.
                _ = try await group.failOver()
                try await IntegrationTests.eventually("served again") {
                    try server.post(APIServer.body()).status == 200
                }
            }
        }
    }

    @Test func `the login of a cluster's nodes is rotated`() async throws {
        try await ClusterGroup.with { group in
            try await group.setUser(["u", "on", ">old-password", "~*", "&*", "+@all"])
            let url = group.url(of: group.nodes, login: "u:old-password@")
            let file = try RotatedFile(url)
            var environment = environment(file, "stream:s")
            environment["PARTITIONS"] = "8"
            try await APIServer.with(environment) { server in
                try await IntegrationTests.eventually("served") {
                    try server.post(APIServer.body()).status == 200
                }
                try await withLoad(server) { load in
                    try await group.setUser(["u", ">new-password"])
                    try file.write(url.replacing("old-password", with: "new-password"))
                    try await eventually(1, renewed, server)
                    try await group.setUser(["u", "<old-password"])
                    try await load.answers(20)
                }
                #expect(try server.get("/health/ready").status == 200)
            }
        }
    }

    @Test func `a password that Redis does not know yet is tried until it does`() async throws {
        try await RedisServer.with { redis in
            try await setUser("on", ">old-password", "~*", "+@all", at: [redis])
            let place = "127.0.0.1:\(redis.port)"
            let file = try RotatedFile("redis://u:old-password@\(place)")
            try await APIServer.with(environment(file, "stream:s")) { server in
                try await withLoad(server) { load in
                    try file.write("redis://u:new-password@\(place)")
                    try await eventually(1, "connections to Redis not renewed", server)
                    #expect(server.program.errors.contains("WRONGPASS"))
                    try await load.answers(20)
                    #expect(count(renewed, server) == 0)
                    try await setUser(">new-password", at: [redis])
                    try await eventually(1, renewed, server)
                    #expect(count("connections to Redis not renewed", server) == 1)
                }
            }
        }
    }

    @Test func `a URL that is wrong, or of another Redis, changes nothing, and the log says why`()
        async throws
    {
        try await RedisServer.with { redis in
            let file = try RotatedFile(redis.url)
            try await APIServer.with(environment(file, "stream:s")) { server in
                try await withLoad(server) { load in
                    for (url, reason) in [
                        ("http://u:hunter2@h", "the URL in it is wrong: it must begin with"),
                        ("", "the URL in it is wrong"),
                        ("redis://u:hunter2@127.0.0.1:1", "another host, port or socket"),
                        ("\(redis.url)/1", "another database"),
                        ("redis-cluster://127.0.0.1:\(redis.port)", "its scheme"),
                        ("one\ntwo", "nothing else, on one line"),
                    ] {
                        try file.write(url)
                        try await eventually(1, reason, server)
                        try await load.answers(5)
                    }
                    try file.write(redis.url)
                    try await eventually(
                        1, "Redis's login and certificates unchanged", server)
                }
                #expect(count(renewed, server) == 0)
                #expect(!server.program.errors.contains("hunter2"))
            }
        }
    }

    @Test func `the authority of Redis's certificate, and the client's certificate, are rotated`()
        async throws
    {
        try await TestCertificates.with { certificates in
            func text(_ names: String...) throws -> String {
                try names.map {
                    try String(contentsOfFile: certificates.path($0), encoding: .utf8)
                }.joined()
            }
            let port = try FreePort.next()
            let arguments = certificates.serverArguments(port: port, asksClients: true)
            let authority = try RotatedFile(try text("ca.pem"))
            let certificate = try RotatedFile(try text("client.pem"))
            let key = try RotatedFile(try text("client.key"))
            try await RedisServer.with(arguments) { redis in
                let environment = [
                    "REDIS_URL": "rediss://127.0.0.1:\(port)", "QUEUE": "stream:s",
                    "THREADS": "2", "REDIS_TLS_CA_FILE": authority.path,
                    "REDIS_TLS_CERT_FILE": certificate.path, "REDIS_TLS_KEY_FILE": key.path,
                ]
                try await APIServer.with(environment) { server in
                    try await withLoad(server) { load in
                        try authority.write(try text("ca.pem", "other-ca.pem"))
                        try await eventually(1, renewed, server)
                        _ = try await redis.command(
                            "CONFIG", "SET", "tls-cert-file", certificates.path("stranger.pem"),
                            "tls-key-file", certificates.path("stranger.key"))
                        try authority.write(try text("other-ca.pem"))
                        try await eventually(2, renewed, server)
                        try await certificates.make("next", "extendedKeyUsage=clientAuth")
                        // Half of it is no pair: nothing is used before the other half is there.
                        try certificate.write(try text("next.pem"))
                        try await eventually(1, "it is not the key of the certificate", server)
                        try key.write(try text("next.key"))
                        try await eventually(3, renewed, server)
                        try await load.answers(20)
                    }
                    #expect(try server.get("/health/ready").status == 200)
                }
            }
        }
    }
}
