import Testing

@testable import CoreAPIRedis

/// The URL of a Redis Cluster.
@Suite struct ClusterURLTests {
    private func seeds(_ text: String) throws -> ClusterSeeds {
        try #require(try RedisURL(text).place.cluster)
    }

    @Test func `it names nodes, each once`() throws {
        let url = try RedisURL("redis-cluster://user:p%40ss@a,b:7000,[::1]:7001,a:6379")
        let seeds = try #require(url.place.cluster)
        #expect(seeds.addresses.map(\.description) == ["a:6379", "b:7000", "[::1]:7001"])
        #expect(!seeds.usesTLS)
        #expect(url.user == "user" && url.password == "p@ss" && url.database == 0)
        #expect(try self.seeds("rediss-cluster://a").usesTLS)
        #expect(try self.seeds("redis-cluster://a/0").addresses.count == 1)
    }

    @Test func `a node has the login of the cluster`() throws {
        let address = RedisAddress(host: "10.0.0.1", port: 7000)
        let url = try RedisURL("redis-cluster://user:pass@a").node(at: address)
        #expect(url == (try RedisURL("redis://user:pass@10.0.0.1:7000/0")))
        let encrypted = try RedisURL("rediss-cluster://:pass@a").node(at: address)
        #expect(encrypted == (try RedisURL("rediss://:pass@10.0.0.1:7000")))
    }

    @Test func `its description has no password`() throws {
        let url = try RedisURL("redis-cluster://user:hunter2@a,b:7000")
        #expect("\(url)" == "redis-cluster://user@a:6379,b:7000")
        #expect("\(try RedisURL("rediss-cluster://hunter2@a"))" == "rediss-cluster://a:6379")
        let address = RedisAddress(host: "b", port: 7000)
        #expect("\(url.node(at: address))" == "redis://user@b:7000/0")
    }

    @Test func `a login without a colon is warned of`() throws {
        let warning = try #require(try RedisURL("redis-cluster://word@a").loginWarning)
        #expect(warning.contains("redis-cluster://:PASSWORD@host"))
        #expect(!warning.contains("word@"))
    }

    @Test(arguments: [
        ("redis-cluster://", RedisURLError.clusterNodes), ("redis-cluster://a,", .clusterNodes),
        ("redis-cluster://,a", .clusterNodes), ("redis-cluster://:7000", .clusterNodes),
        ("redis-cluster://a,:7000", .clusterNodes),
        (
            "redis-cluster://" + (0...16).map { "h\($0)" }.joined(separator: ","), .clusterNodes
        ),
        ("redis-cluster://a:0", .port), ("redis-cluster://a,b:65536", .port),
        ("redis-cluster://a b", .host), ("redis-cluster://a/1", .clusterDatabase),
        ("redis-cluster://a?db=2", .clusterDatabase), ("redis-cluster://a/x", .database),
        ("redis-cluster://a?master=m", .parameter),
        ("redis-cluster://u:p/w@a", .percentEncoding), ("redis+cluster://a", .scheme),
        ("unix-cluster://a", .scheme),
    ])
    func `a wrong URL is refused with its rule`(text: String, error: RedisURLError) {
        #expect(throws: error) { try RedisURL(text) }
    }
}
