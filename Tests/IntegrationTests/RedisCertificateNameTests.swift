import ChildProcess
import CoreAPIKit
import CoreAPIRedis
import Testing

/// Which names of a Redis's certificate count: alternative names alone (RFC 9525 §2).
@Suite(.serialized, .timeLimit(.minutes(10))) struct RedisCertificateNameTests {
    @Test(arguments: ["localhost", "127.0.0.1"])
    func `the subject's CN is ignored, with and without alternative names`(
        host: String
    ) async throws {
        for names in ["", "subjectAltName=DNS:example.org", "subjectAltName=email:a@example.org"] {
            try await TestCertificates.with { certificates in
                try await certificates.make("named", names, subject: host)
                let port = try FreePort.next()
                let arguments = certificates.serverArguments(port: port, certificate: "named")
                try await RedisServer.with(arguments) { redis in
                    await #expect(throws: RedisError.tlsFailed(.hostMismatch)) {
                        try await StreamTransactionQueue(
                            url: "rediss://\(host):\(port)", key: "s",
                            options: certificates.queueOptions())
                    }
                }
            }
        }
    }

    @Test func `an alternative name is enough, whatever the subject's CN is`() async throws {
        try await TestCertificates.with { certificates in
            try await certificates.make(
                "named", "subjectAltName=DNS:localhost", subject: "example.org")
            let port = try FreePort.next()
            let arguments = certificates.serverArguments(port: port, certificate: "named")
            try await RedisServer.with(arguments) { redis in
                let queue = try await StreamTransactionQueue(
                    url: "rediss://localhost:\(port)", key: "s",
                    options: certificates.queueOptions())
                let transaction = try Transaction(
                    id: .random(), amount: try #require(Amount(100)),
                    currency: try #require(CurrencyCode("USD")), userID: 1, createdAt: .now())
                try await queue.enqueue(transaction)
                #expect(try await redis.command("XLEN", "s") == .integer(1))
                await #expect(throws: RedisError.tlsFailed(.hostMismatch)) {
                    try await StreamTransactionQueue(
                        url: "rediss://127.0.0.1:\(port)", key: "s",
                        options: certificates.queueOptions())
                }
            }
        }
    }
}
