import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

@Suite struct RedisURLTests {
    @Test func `a URL has host, port, login and database`() throws {
        let url = try RedisURL("redis://us%40er:p%3Aa%2Fss@redis.example:6380/15")
        #expect(url.place == .server(.tcp(host: "redis.example", port: 6_380)))
        #expect(url.user == "us@er")
        #expect(url.password == "p:a/ss")
        #expect(url.database == 15)
    }

    @Test(arguments: [
        ("redis://localhost", "redis://localhost:6379/0"), ("redis://", "redis://127.0.0.1:6379/0"),
        ("redis:///3", "redis://127.0.0.1:6379/3"), ("redis://h/", "redis://h:6379/0"),
        ("redis://:secret@h", "redis://h:6379/0"), ("redis://[::1]", "redis://[::1]:6379/0"),
        ("redis://[::1]:7000/1", "redis://[::1]:7000/1"),
        ("redis://u:secret@10.0.0.1:1", "redis://u@10.0.0.1:1/0"),
        ("redis://secret@h", "redis://h:6379/0"), ("redis://secret:@h", "redis://h:6379/0"),
        ("redis://se%63ret@h", "redis://h:6379/0"), ("redis://se@cret@h", "redis://h:6379/0"),
        ("redis://:secret@secret@h", "redis://h:6379/0"),
        ("redis://secret:secret@h", "redis://h:6379/0"),
        ("redis://mysecret1:secret@h", "redis://h:6379/0"),
        ("redis://secre:secret@h", "redis://secre@h:6379/0"),
        ("rediss://secret@h", "rediss://h:6379/0"),
        ("redis://h?username=secret", "redis://h:6379/0"),
        ("unix://secret@/s", "unix:///s?db=0"), ("unix:///s?username=secret", "unix:///s?db=0"),
        ("redis://u@h?password=secret", "redis://u@h:6379/0"),
        ("redis://h?db=4", "redis://h:6379/4"), ("redis://h/?db=4", "redis://h:6379/4"),
        ("redis://h/5?", "redis://h:6379/5"),
        ("redis://h?username=u&password=secret", "redis://u@h:6379/0"),
        ("rediss://u:secret@h/2", "rediss://u@h:6379/2"),
        ("rediss://[::1]:1", "rediss://[::1]:1/0"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=0"),
        ("unix://u:secret@/run/redis.sock?db=2", "unix://u@/run/redis.sock?db=2"),
        ("unix:///a%20b/c@d:e", "unix:///a b/c@d:e?db=0"),
    ])
    func `omitted parts have defaults, and a password is not shown`(text: String, shown: String)
        throws
    {
        let url = try RedisURL(text)
        #expect(url.description == shown)
        #expect("\([url])" == "[\(shown)]")
    }

    @Test(arguments: [
        ("redis://hunter2@h", "redis://:PASSWORD@host"),
        ("rediss://hunter2:@h", "rediss://:PASSWORD@host"),
        ("redis://h?username=hunter2", "redis://:PASSWORD@host"),
        ("unix://hunter2@/s", "unix://:PASSWORD@/path"),
    ])
    func `a user without a password causes a warning with the correct form`(
        text: String, form: String
    ) throws {
        let warning = try #require(try RedisURL(text).loginWarning)
        #expect(warning.hasSuffix(form))
        #expect(!warning.contains("hunter2"))
    }

    @Test(arguments: ["redis://h", "redis://:p@h", "redis://u:p@h", "redis://u@h?password=p"])
    func `a plausible login causes no warning`(text: String) throws {
        #expect(try RedisURL(text).loginWarning == nil)
    }

    @Test(arguments: [
        ("", RedisURLError.scheme), ("h:6379", .scheme), ("redis", .scheme), ("://h", .scheme),
        ("REDIS://h", .scheme), ("redis+tls://h", .scheme), ("redis:/h", .scheme),
        ("redis://h:", .port), ("redis://h:0", .port), ("redis://h:65536", .port),
        ("redis://h:x", .port),
        ("redis://h/x", .database), ("redis://h/-1", .database), ("redis://h/1/2", .database),
        ("redis://::1", .host), ("redis://a b", .host),
        ("redis://\(String(repeating: "a", count: 254))", .host),
        ("redis://h?db=", .database), ("redis://h?db=x", .database), ("redis://h?db", .database),
        ("redis://h/1?db=1", .parameter), ("redis://h?db=1&db=1", .parameter),
        ("redis://u@h?username=u", .parameter), ("redis://:p@h?password=p", .parameter),
        ("rediss://h?ssl_cert_reqs=none", .parameter), ("redis://h?timeout=1", .parameter),
        ("redis://h#1", .percentEncoding), ("redis://u:p/w@h", .percentEncoding),
        ("redis://h?password=%", .percentEncoding),
        ("unix://", .socketPath), ("unix:///", .socketPath), ("unix://run/redis.sock", .socketPath),
        ("unix://u@h/redis.sock", .socketPath), ("unix:///a%00b", .socketPath),
        ("unix:///\(String(repeating: "a", count: 107))", .socketPath),
        ("unix:///a%", .percentEncoding), ("unix:///a?db=1&path=/b", .parameter),
        ("redis://%zz@h", .percentEncoding),
        ("redis://u:%f@h", .percentEncoding), ("redis://u:%ff@h", .percentEncoding),
    ])
    func `an invalid URL is refused with the violated rule`(text: String, error: RedisURLError) {
        #expect(throws: error) { try RedisURL(text) }
    }

    @Test func `a socket has a path, percent-encoded, of as many bytes as the kernel takes`() throws
    {
        let url = try RedisURL("unix://us%40er:p%2Fw@/run/%C3%A4%3F.sock?db=2")
        #expect(url.place == .server(.unix(path: "/run/ä?.sock")))
        #expect(url.user == "us@er")
        #expect(url.password == "p/w")
        #expect(url.database == 2)
        let longest = "/" + String(repeating: "a", count: SocketAddress.unixPathBytesMax - 1)
        #expect(try RedisURL("unix://\(longest)").place == .server(.unix(path: longest)))
    }

    @Test func `parameters give user, password and database, as redis-py reads them`() throws {
        let url = try RedisURL("unix:///s?username=a%26b&password=c+d%2Be%40&db=7")
        #expect(url.user == "a&b")
        #expect(url.password == "c d+e@")
        #expect(url.database == 7)
        #expect(try RedisURL("redis://u@h?password=p").password == "p")
        #expect(try RedisURL("redis://:a@b@h").password == "a@b")
    }
}
