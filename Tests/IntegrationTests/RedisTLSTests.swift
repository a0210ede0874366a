import ChildProcess
import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Logging
import Testing

/// `rediss://`: a real redis-server with TLS, and failed handshakes.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RedisTLSTests {
    /// A redis-server with TLS on a port of its own.
    private func withTLS(
        certificate: String = "server", asksClients: Bool = false, _ more: [String] = [],
        _ body: (_ redis: RedisServer, _ url: String, TestCertificates) async throws -> Void
    ) async throws {
        try await TestCertificates.with { certificates in
            let port = try FreePort.next()
            let arguments = certificates.serverArguments(
                port: port, certificate: certificate, asksClients: asksClients)
            try await RedisServer.with(arguments + more) { redis in
                try await body(redis, "rediss://127.0.0.1:\(port)", certificates)
            }
        }
    }

    private func transaction() throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(100)),
            currency: try #require(CurrencyCode("USD")), userID: 1, createdAt: .now())
    }

    private func queue(
        _ url: String, _ options: TLSOptions, timeoutMilliseconds: Int = 5_000
    ) async throws -> StreamTransactionQueue {
        var settings = RedisQueue.Settings(url: try RedisURL(url), logger: Logger(label: "test"))
        settings.producer.limits.messageTimeoutMilliseconds = timeoutMilliseconds
        settings.producer.tls = try TLSContext(options)
        let queue = StreamTransactionQueue(
            StreamPartitions(key: "s"), on: try SharedEventLoop.running(), settings)
        try await queue.redis.connection.ready()
        return queue
    }

    // MARK: - With TLS

    @Test(arguments: ["rq:default", "stream:s"], ["127.0.0.1", "localhost"])
    func `a transaction is confirmed over TLS, by address and by name`(
        queue: String, host: String
    ) async throws {
        try await withTLS { redis, url, certificates in
            var environment = certificates.environment()
            environment["REDIS_URL"] = url.replacing("127.0.0.1", with: host)
            environment["QUEUE"] = queue
            try await APIServer.with(environment) { server in
                let answer = try server.post(APIServer.body())
                #expect(answer.status == 200)
                #expect(try server.get("/health").status == 200)
                let log = server.program.errors
                #expect(log.contains("connected to Redis"))
                #expect(log.contains("rediss://\(host)"))
            }
            let length =
                queue == "stream:s"
                ? try await redis.command("XLEN", "s")
                : try await redis.command("LLEN", "rq:queue:default")
            #expect(length == .integer(1))
        }
    }

    @Test func `a server that asks for a client certificate gets it`() async throws {
        try await withTLS(asksClients: true) { redis, url, certificates in
            let options = certificates.queueOptions(client: "client")
            let queue = try await StreamTransactionQueue(url: url, key: "s", options: options)
            try await queue.enqueue(try transaction())
            #expect(try await redis.command("XLEN", "s") == .integer(1))
            let jobs = try await RQTransactionQueue(url: url, options: options)
            try await jobs.enqueue(try transaction())
            #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(1))
        }
    }

    @Test func `TLS 1.2 is spoken, and nothing older`() async throws {
        try await withTLS(["--tls-protocols", "TLSv1.2"]) { redis, url, certificates in
            let queue = try await queue(url, certificates.options())
            try await queue.enqueue(try transaction())
            #expect(try await redis.command("XLEN", "s") == .integer(1))
        }
        // Debian's OpenSSL has no older one without a lower level of security.
        let old = [
            "--tls-protocols", "TLSv1.1", "--tls-ciphers", "DEFAULT:@SECLEVEL=0",
        ]
        try await withTLS(old) { _, url, certificates in
            await #expect(throws: RedisError.tlsFailed(.refused("protocol version"))) {
                try await StreamTransactionQueue(
                    url: url, key: "s", options: certificates.queueOptions())
            }
        }
    }

    @Test func `a user of the access list logs in over TLS, and a replica is waited for`()
        async throws
    {
        try await withTLS { redis, url, certificates in
            let (name, rights) = RedisServer.accessRights[1]
            let user = ["ACL", "SETUSER", name, "on", ">p@ss:w/rd", "+wait"] + rights
            _ = try await redis.command(user)
            var environment = certificates.environment()
            environment["REDIS_URL"] = url.replacing(
                "rediss://", with: "rediss://\(name):p%40ss%3Aw%2Frd@")
            environment["QUEUE"] = "stream:transactions"
            environment["DURABILITY"] = "replica:1"
            try await redis.withReplica { replica in
                try await APIServer.with(environment) { server in
                    let answer = try server.post(APIServer.body())
                    #expect(answer.status == 200)
                    #expect(try await replica.command("XLEN", "transactions") == .integer(1))
                    try await eventually("health passes") {
                        try server.get("/health").status == 200
                    }
                    #expect(!server.program.errors.contains("ss:w"))
                }
            }
        }
    }

    @Test func `python-rq processes a posted transaction, both over TLS`() async throws {
        try await withTLS(asksClients: true) { redis, url, certificates in
            let urlFile = try certificates.write(url + "\n", to: "redis-url")
            var environment = certificates.environment(client: "client")
            environment["REDIS_URL_FILE"] = urlFile
            try await APIServer.with(environment) { server in
                let answer = try server.post(APIServer.body(amount: 123))
                #expect(answer.status == 200)
            }
            let result = try await RQWorker.run("rq-1.10.0", environment: environment)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.contains("processed: user_id=1 amount=123"), "\(result.errors)")
            #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(0))
        }
    }

    // MARK: - Under load

    @Test func `thousands of commands in flight are confirmed, each once`() async throws {
        try await withTLS { redis, url, certificates in
            let queue = try await queue(
                url, certificates.options(), timeoutMilliseconds: 300_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10_000 {
                    let transaction = try transaction()
                    group.addTask { try await queue.enqueue(transaction) }
                }
                try await group.waitForAll()
            }
            #expect(try await redis.command("XLEN", "s") == .integer(10_000))
        }
    }

    /// Both directions have more than the kernel holds, and replies end anywhere in a record.
    @Test func `large commands and replies come through whole, and in order`() async throws {
        try await withTLS { _, url, certificates in
            let connection = try await RedisConnection(
                opening: RedisURL(url),
                options: RedisConnection.Options(
                    limits: RedisLimits(commandTimeoutSeconds: 300),
                    tls: TLSContext(certificates.options())),
                logger: Logger(label: "test"))
            defer { connection.close() }
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<60 {
                    let length = number % 3 == 0 ? number : 200_000 + number * 1_021
                    let text = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: length)
                    group.addTask {
                        var echo = RedisCommand(capacity: length + 64)
                        echo.begin(wordCount: 2)
                        echo.word("ECHO")
                        echo.word(text)
                        return try await connection.execute(echo) == .bulk(text)
                    }
                }
                for try await isSame in group { #expect(isSame) }
            }
        }
    }

    @Test func `a Redis that is killed and started again under load loses and doubles nothing`()
        async throws
    {
        try await withTLS(["--appendfsync", "always"]) { redis, url, certificates in
            let queue = try await queue(
                url, certificates.options(), timeoutMilliseconds: 300_000)
            let transactions = try (0..<4_000).map { _ in try transaction() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<40 {
                    group.addTask {
                        for number in stride(from: caller, to: transactions.count, by: 40) {
                            try await queue.enqueue(transactions[number])
                        }
                    }
                }
                for round in 1...3 {
                    try await eventually("a part is confirmed", withinSeconds: 300) {
                        guard case .integer(let length) = try await redis.command("XLEN", "s")
                        else { return false }
                        return length >= round * 1_000
                    }
                    redis.kill()
                    try await redis.start()
                }
                try await group.waitForAll()
            }
            let texts = try await redis.texts("XRANGE", "s", "-", "+")
            let ids = texts.indices.filter { texts[$0] == "id" }.map { texts[$0 + 1] }
            #expect(ids.count == transactions.count)
            #expect(Set(ids) == Set(transactions.map(\.id.description)))
        }
    }

    // MARK: - Without TLS

    @Test(arguments: [
        (
            "server", "other-ca", "127.0.0.1",
            "certificate verify failed: self-signed certificate in"
        ),
        ("expired", "ca", "127.0.0.1", "certificate verify failed: certificate has expired"),
        ("elsewhere", "ca", "127.0.0.1", "host name mismatch"),
        ("elsewhere", "ca", "localhost", "host name mismatch"),
        ("other-ca", "ca", "127.0.0.1", "certificate verify failed: self-signed certificate"),
        ("stranger", "ca", "localhost", "certificate verify failed: unable to get local issuer"),
    ])
    func `a server with an invalid certificate receives nothing, and the log has the reason once`(
        certificate: String, authority: String, host: String, reason: String
    ) async throws {
        try await withTLS(certificate: certificate) { redis, url, certificates in
            let url = url.replacing("127.0.0.1", with: host)
            try await expectFailure(
                redis, url, certificates, authority: authority, reason: reason)
        }
    }

    @Test func `without an authority's file, those of the system are asked`() async throws {
        try await withTLS { _, url, certificates in
            do throws(RedisError) {
                _ = try await StreamTransactionQueue(url: url, key: "s")
                Issue.record("connected")
            } catch {
                guard case .tlsFailed(.certificateInvalid) = error else {
                    Issue.record("\(error)")
                    return
                }
            }
        }
    }

    @Test(arguments: [nil, "stranger"])
    func `the log names a server that rejects the client's certificate or requires one`(
        client: String?
    ) async throws {
        try await withTLS(asksClients: true) { redis, url, certificates in
            try await expectFailure(
                redis, url, certificates, client: client,
                reason: client == nil
                    ? "the server refused: certificate required" : "the server refused: unknown ca")
        }
    }

    @Test func `a server without TLS behind rediss is named, and one with TLS behind redis`()
        async throws
    {
        try await withTLS { redis, url, certificates in
            let wrong = "rediss://127.0.0.1:\(redis.port)"
            try await expectFailure(
                redis, wrong, certificates, reason: "speak TLS")
            let plain = url.replacing("rediss", with: "redis")
            try await expectFailure(
                redis, plain, nil, reason: "\"hint\":\"it may want TLS: rediss://\"")
        }
    }

    /// The server runs, says once why it has no Redis, and refuses transactions.
    private func expectFailure(
        _ redis: RedisServer, _ url: String, _ certificates: TestCertificates?,
        authority: String = "ca", client: String? = nil, reason: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var environment =
            certificates?.environment(authority: authority, client: client) ?? [:]
        environment["REDIS_URL"] = url
        environment["QUEUE"] = "stream:s"
        environment["THREADS"] = "1"
        environment["ENQUEUE_TIMEOUT"] = "1"
        try await APIServer.with(environment) { server in
            let answer = try server.post(APIServer.body())
            #expect(answer.status == 503, sourceLocation: sourceLocation)
            #expect(!answer.body.contains("TLS"), sourceLocation: sourceLocation)
            let live = try server.get("/health/live")
            #expect(live.status == 200, sourceLocation: sourceLocation)
            try await eventually("the reason is logged") {
                server.program.errors.contains("no connection to Redis")
            }
            let log = server.program.errors
            #expect(log.contains(reason), "\(log)", sourceLocation: sourceLocation)
            #expect(
                log.ranges(of: "no connection to Redis").count == 1, "\(log)",
                sourceLocation: sourceLocation)
            #expect(!log.contains("connected to Redis"), sourceLocation: sourceLocation)
        }
        let length = try await redis.command("XLEN", "s")
        #expect(length == .integer(0), sourceLocation: sourceLocation)
    }

    @Test func `a server without TLS is distinguished from a silent one`()
        async throws
    {
        try await TestCertificates.with { certificates in
            try await APIServer.with(["QUEUE": "memory"]) { http in
                await #expect(throws: RedisError.tlsFailed(.serverWithoutTLS)) {
                    try await StreamTransactionQueue(
                        url: "rediss://127.0.0.1:\(http.port)", key: "s",
                        options: certificates.queueOptions())
                }
            }
            let any = try SocketAddress.resolve(host: "127.0.0.1", port: 0, numericOnly: true)
            let silent = try Socket.listening(
                on: try #require(any.first), sharesPort: false, backlog: 1)
            let port = try silent.address().port
            await #expect(throws: RedisError.tlsFailed(.unanswered)) {
                try await StreamTransactionQueue(
                    url: "rediss://127.0.0.1:\(port)", key: "s",
                    options: certificates.queueOptions())
            }
        }
    }

    // MARK: - Files

    @Test func `files that cannot be used are named at start, with the reason`() async throws {
        try await TestCertificates.with { certificates in
            let text = try certificates.write("no certificate", to: "text.pem")
            let locked = certificates.path("locked.key")
            try await certificates.openssl(
                "ec", "-in", certificates.path("client.key"), "-aes256", "-passout", "pass:x",
                "-out", locked)
            let client = certificates.path("client.pem")
            let pipe = certificates.path("pipe")
            #expect(unsafe mkfifo(pipe, 0o600) == 0)
            let cases: [([String: String], String, String)] = [
                (["CA": "/no/ca.pem"], "REDIS_TLS_CA_FILE is \"/no/ca.pem\"", "No such file"),
                (["CA": text], "REDIS_TLS_CA_FILE is \"\(text)\"", "no certificate in PEM"),
                (["CA": "/tmp"], "REDIS_TLS_CA_FILE is \"/tmp\"", "not a regular file"),
                // Nobody writes into the pipe: opening it would wait for ever.
                (["CA": pipe], "REDIS_TLS_CA_FILE", "not a regular file"),
                (["CERT": pipe, "KEY": "/k"], "REDIS_TLS_CERT_FILE", "not a regular file"),
                (["CERT": client, "KEY": pipe], "REDIS_TLS_KEY_FILE", "not a regular file"),
                (["CERT": "/no/c.pem", "KEY": "/k"], "REDIS_TLS_CERT_FILE", "No such file"),
                (["CERT": text, "KEY": "/k"], "REDIS_TLS_CERT_FILE", "no certificate in PEM"),
                (["CERT": client, "KEY": "/no/k"], "REDIS_TLS_KEY_FILE is \"/no/k\"", "No such"),
                (["CERT": client, "KEY": text], "REDIS_TLS_KEY_FILE", "no private key in PEM"),
                (["CERT": client, "KEY": locked], "REDIS_TLS_KEY_FILE", "without a passphrase"),
                (
                    ["CERT": client, "KEY": certificates.path("server.key")], "REDIS_TLS_KEY_FILE",
                    "it is not the key of the certificate"
                ),
            ]
            for (files, variable, reason) in cases {
                // A missing file is a transient error; an invalid file is a configuration error.
                let isTransient = reason.hasPrefix("No such") || reason == "not a regular file"
                var environment = ["JWT_SECRET": APIServer.secret, "REDIS_URL": "rediss://h"]
                for (name, path) in files { environment["REDIS_TLS_\(name)_FILE"] = path }
                let result = try await Program.run(
                    Program.built("core-api"), [], environment: environment)
                #expect(result.status == (isTransient ? 1 : 78), "\(result.errors)")
                #expect(result.errors.split(separator: "\n").count == 1)
                #expect(result.errors.contains(variable), "\(result.errors)")
                #expect(result.errors.contains(reason), "\(result.errors)")
            }
        }
    }

    @Test func `an embedder's options are checked as well`() async throws {
        var options = QueueOptions()
        options.tls = TLSOptions(authorityFile: "/no/ca.pem")
        await #expect(
            throws: RedisError.tlsInvalid(
                .authorityFile("/no/ca.pem", reason: "open: No such file or directory"))
        ) { try await RQTransactionQueue(url: "rediss://127.0.0.1", options: options) }
        await #expect(throws: RedisError.tlsInvalid(.notUsed)) {
            try await RQTransactionQueue(url: "redis://127.0.0.1", options: options)
        }
    }
}
