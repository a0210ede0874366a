import Foundation
import Testing

@testable import CoreAPIRedis
@testable import CoreAPIServer

/// Where Redis is, by a variable or by a file; the certificates' own rules are tested with real
/// ones in `RedisTLSTests`.
@Suite struct RedisConfigurationTests {
    private func configuration(
        _ variables: [String: String]
    ) throws(ConfigurationError) -> RedisConfiguration {
        try RedisConfiguration(EnvironmentReader { variables[$0].map { Array($0.utf8) } })
    }

    private func error(_ variables: [String: String]) -> ConfigurationError? {
        do {
            _ = try configuration(variables)
            Issue.record("accepted: \(variables)")
            return nil
        } catch {
            return error
        }
    }

    /// Runs the body with a file of these bytes.
    private func withFile(_ bytes: some Sequence<UInt8>, _ body: (String) throws -> Void) throws {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "core-api-test-\(UUID().uuidString)")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try body(file.path)
    }

    @Test(arguments: ["redis://u:p@h/2", "redis://u:p@h/2\n", "redis://u:p@h/2\r\n\n"])
    func `the URL may stand in a file, with line ends behind it`(content: String) throws {
        try withFile(content.utf8) { path in
            let expected = try RedisURL("redis://u:p@h/2")
            #expect(try configuration(["REDIS_URL_FILE": path]).url == expected)
        }
    }

    @Test(arguments: [
        "", "\n", "http://h", "redis://u:hunter2@h:0", "redis://h\nredis://i",
        " redis://:hunter2@h",
        "redis://u:\u{FF}hunter2@ h", String(repeating: "hunter2", count: 4_000),
    ])
    func `a file without a usable URL names the variable and the path, and nothing of it`(
        content: String
    ) throws {
        try withFile(content.utf8) { path in
            let error = error(["REDIS_URL_FILE": path])
            #expect(error?.variable == "REDIS_URL_FILE")
            #expect(error?.value == path)
            #expect(error?.description.contains("hunter2") == false)
        }
    }

    @Test func `a file that cannot be read is named with the reason`() throws {
        let missing = error(["REDIS_URL_FILE": "/no/such/file"])
        #expect(missing?.variable == "REDIS_URL_FILE")
        #expect(missing?.description.contains("\"/no/such/file\"") == true)
        #expect(missing?.description.contains("No such file or directory") == true)
        #expect(error(["REDIS_URL_FILE": "/tmp"])?.expectation.contains("regular file") == true)
        // An operator who confuses the variables has written a password.
        let mistaken = error(["REDIS_URL_FILE": "redis://:hunter2@h"])
        #expect(mistaken?.description.contains("hunter2") == false)
        try withFile([0xFF]) { path in
            #expect(error(["REDIS_URL_FILE": path])?.expectation.contains("one line") == true)
        }
    }

    @Test(arguments: [
        ("redis-sentinel://a,b/0", "?master=NAME"),
        ("redis-sentinel://:hunter2@a?master=", "?master=NAME"),
        ("redis-sentinel://a:x?master=m", "port must be"),
        ("redis-sentinel://?master=m", "1 to 16 sentinels"),
        ("redis-sentinel://a?master=m&sentinel_pasword=hunter2", "sentinel_password"),
        ("redis-sentinel://a?master=m{hunter2}", "letters, digits"),
        ("redis-sentinel://a/hunter2?master=m", "database"),
        ("sentinel://:hunter2@a", "redis-sentinel://"),
    ])
    func `a wrong URL of sentinels is refused with what would be right, without its passwords`(
        url: String, right: String
    ) {
        let error = error(["REDIS_URL": url])
        #expect(error?.variable == "REDIS_URL")
        #expect(error?.mayPass == false)
        #expect(error?.expectation.contains(right) == true)
        #expect(error?.expectation.contains("&sentinel_username=…") == true)
        let isShown = url.contains("/hunter2") && !url.contains("@")
        #expect(error?.description.contains("hunter2") == isShown)
    }

    @Test func `a URL and a file that holds one are too much`() throws {
        try withFile("redis://h".utf8) { path in
            let error = error(["REDIS_URL": "redis://h", "REDIS_URL_FILE": path])
            #expect(error?.variable == "REDIS_URL_FILE")
            #expect(error?.expectation.contains("REDIS_URL is set too") == true)
        }
    }

    @Test func `rediss means TLS, by default with the system's certificates`()
        throws
    {
        #expect(try configuration(["REDIS_URL": "rediss://h"]).tls != nil)
        #expect(try configuration(["REDIS_URL": "redis://h"]).tls == nil)
        #expect(try configuration(["REDIS_URL": "unix:///s"]).tls == nil)
    }

    @Test(arguments: [
        ["REDIS_TLS_CA_FILE": "/ca.pem"],
        ["REDIS_TLS_CERT_FILE": "/c.pem", "REDIS_TLS_KEY_FILE": "/k.pem"],
    ])
    func `certificates without TLS are an error`(
        variables: [String: String]
    ) {
        for url in ["redis://h", "unix:///s"] {
            let error = error(variables.merging(["REDIS_URL": url]) { $1 })
            #expect(error.map { variables[$0.variable] == $0.value } == true)
            #expect(error?.expectation.contains("rediss://") == true)
        }
    }

    @Test(arguments: [
        ("REDIS_TLS_CERT_FILE", "REDIS_TLS_KEY_FILE"),
        ("REDIS_TLS_KEY_FILE", "REDIS_TLS_CERT_FILE"),
    ])
    func `a certificate needs its key, and a key its certificate`(given: String, missing: String) {
        let error = error(["REDIS_URL": "rediss://h", given: "/x"])
        #expect(error?.variable == missing)
        #expect(error?.expectation.contains(given) == true)
    }
}
