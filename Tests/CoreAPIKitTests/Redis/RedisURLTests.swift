import CoreAPIKit
import Testing

@Suite struct RedisURLTests {
    @Test func `a URL has host, port, login and database`() throws {
        let url = try RedisURL("redis://us%40er:p%3Aa%2Fss@redis.example:6380/15")
        #expect(url.host == "redis.example")
        #expect(url.port == 6_380)
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
    ])
    func `what is left out has a standard, and a password is not shown`(text: String, shown: String)
        throws
    {
        #expect(try RedisURL(text).description == shown)
    }

    @Test(arguments: [
        ("", RedisURLError.scheme), ("h:6379", .scheme), ("rediss://h", .scheme),
        ("REDIS://h", .scheme),
        ("redis://h:", .port), ("redis://h:0", .port), ("redis://h:65536", .port),
        ("redis://h:x", .port),
        ("redis://h/x", .database), ("redis://h/-1", .database), ("redis://h/1/2", .database),
        ("redis://::1", .host), ("redis://a b", .host), ("redis://h?db=1", .host),
        ("redis://%zz@h", .percentEncoding),
        ("redis://u:%f@h", .percentEncoding), ("redis://u:%ff@h", .percentEncoding),
    ])
    func `what is no URL is refused with a reason`(text: String, error: RedisURLError) {
        #expect(throws: error) { try RedisURL(text) }
    }
}
