import Testing

@testable import CoreAPIRedis

@Suite struct SentinelURLTests {
    private func sentinels(_ text: String) throws -> RedisSentinels {
        try #require(try RedisURL(text).place.sentinels)
    }

    @Test func `a URL of sentinels has their addresses, the master's name and two logins`() throws {
        let url = try RedisURL(
            "redis-sentinel://us%40er:p%2Cw@s1,10.0.0.2:7,[::1],[::2]:8/3?master=my-master.1_a"
                + "&sentinel_username=se%26n&sentinel_password=a+b%2B")
        let sentinels = try #require(url.place.sentinels)
        #expect(
            sentinels.addresses.map(\.description) == [
                "s1:26379", "10.0.0.2:7", "[::1]:26379", "[::2]:8",
            ])
        #expect(sentinels.master == "my-master.1_a")
        #expect(sentinels.user == "se&n")
        #expect(sentinels.password == "a b+")
        #expect(url.user == "us@er")
        #expect(url.password == "p,w")
        #expect(url.database == 3)
        #expect(!sentinels.usesTLS)
    }

    @Test func `with rediss-sentinel, both connections are encrypted`() throws {
        let url = try RedisURL("rediss-sentinel://h?master=m")
        #expect(url.place.usesTLS)
        #expect(url.description == "rediss-sentinel://h:26379/0?master=m")
    }

    @Test func `a sentinel that is named twice counts once`() throws {
        let sentinels = try sentinels("redis-sentinel://a,b,a:26379,b:1?master=m")
        #expect(sentinels.addresses.map(\.description) == ["a:26379", "b:26379", "b:1"])
        let many = Array(repeating: "a", count: 100).joined(separator: ",")
        #expect(try self.sentinels("redis-sentinel://\(many)?master=m").addresses.count == 1)
    }

    @Test func `the highest number of sentinels is 16`() throws {
        let hosts = (1...17).map { "h\($0)" }
        let most = hosts.prefix(16).joined(separator: ",")
        #expect(try sentinels("redis-sentinel://\(most)?master=m").addresses.count == 16)
        let more = hosts.joined(separator: ",")
        #expect(throws: RedisURLError.sentinels) {
            try RedisURL("redis-sentinel://\(more)?master=m")
        }
    }

    @Test(arguments: [
        "redis-sentinel://u:hunter2@a,b/1?master=m&sentinel_password=hunter3",
        "redis-sentinel://hunter2:hunter2@a/1?master=m&sentinel_username=hunter3",
        "redis-sentinel://hunter3:hunter2@a/1?master=m&sentinel_password=hunter3",
        "redis-sentinel://hunter2@a?master=m&sentinel_username=u&sentinel_password=hunter3",
        "redis-sentinel://a?master=m&username=u&password=hunter2&sentinel_password=hunter3",
    ])
    func `neither password is shown`(text: String) throws {
        let url = try RedisURL(text)
        #expect(!url.description.contains("hunter"), "\(url)")
        #expect(url.description.hasSuffix("?master=m"))
    }

    @Test func `error replies are stripped of both passwords`() throws {
        let url = try RedisURL("redis-sentinel://:hunter2@a?master=m&sentinel_password=secret3")
        let secrets = RedisSecrets(url)
        for message in ["ERR hunter2", "ERR what is secret3"] {
            #expect(secrets.stripped(RedisServerError(message: message)).message == "ERR")
        }
        let sentinels = try #require(url.place.sentinels)
        let error = RedisServerError(message: "ERR what is secret3")
        #expect(RedisSecrets(sentinels).stripped(error).message == "ERR")
    }

    @Test(arguments: [
        ("redis-sentinel://h", RedisURLError.master), ("redis-sentinel://h?master=", .master),
        ("redis-sentinel://h?master", .master), ("redis-sentinel://h?master=a%20b", .master),
        ("redis-sentinel://h?master={m}", .master), ("redis-sentinel://h?master=m%0A", .master),
        ("redis-sentinel://h?master=ä", .master),
        ("redis-sentinel://h?master=\(String(repeating: "m", count: 256))", .master),
        ("redis-sentinel://?master=m", .sentinels), ("redis-sentinel:///0?master=m", .sentinels),
        ("redis-sentinel://a,?master=m", .sentinels),
        ("redis-sentinel://a,,b?master=m", .sentinels),
        ("redis-sentinel://:26379?master=m", .sentinels),
        ("redis-sentinel://a,:1?master=m", .sentinels),
        ("redis-sentinel://a:0?master=m", .port), ("redis-sentinel://a,b:65536?master=m", .port),
        ("redis-sentinel://a:x?master=m", .port), ("redis-sentinel://a,b:?master=m", .port),
        ("redis-sentinel://::1?master=m", .sentinels), ("redis-sentinel://a b?master=m", .host),
        ("redis-sentinel://{a}?master=m", .host), ("redis-sentinel://a, b?master=m", .host),
        ("redis-sentinel://a/b?master=m", .database),
        ("redis-sentinel://a/1/2?master=m", .database),
        ("redis-sentinel://a?master=m&timeout=1", .sentinelParameter),
        ("redis-sentinel://a?master=m&master=m", .sentinelParameter),
        ("redis-sentinel://a/1?master=m&db=1", .sentinelParameter),
        ("redis-sentinel://a?master=m&sentinel_password=p&sentinel_password=p", .sentinelParameter),
        ("redis-sentinel://a?master=m&sentinel_password=%", .percentEncoding),
        ("redis-sentinel://u:p/w@a?master=m", .percentEncoding),
        ("redis+sentinel://a?master=m", .scheme), ("sentinel://a?master=m", .scheme),
        ("redis://a?master=m", .parameter), ("redis://a?sentinel_password=p", .parameter),
        ("redis://a,b", .host),
    ])
    func `an invalid URL of sentinels is refused with the violated rule`(
        text: String, error: RedisURLError
    ) {
        #expect(throws: error) { try RedisURL(text) }
    }

    @Test func `a user without a password causes a warning with the correct form`() throws {
        let warning = try #require(
            try RedisURL("redis-sentinel://hunter2@h?master=m").loginWarning)
        #expect(warning.hasSuffix("redis-sentinel://:PASSWORD@host"))
    }
}
