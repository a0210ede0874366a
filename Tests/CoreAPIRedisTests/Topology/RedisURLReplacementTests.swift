import Testing

@testable import CoreAPIRedis

/// Which URL may take the place of another one while the server runs.
@Suite struct RedisURLReplacementTests {
    private func check(_ new: String, _ old: String) throws -> RedisURLReplacementError? {
        let (new, old) = (try RedisURL(new), try RedisURL(old))
        do throws(RedisURLReplacementError) {
            try new.checkReplaces(old)
            return nil
        } catch { return error }
    }

    @Test(arguments: [
        ("redis://u:new@h:1/2", "redis://:old@h:1/2"), ("redis://h", "redis://u:p@h:6379/0"),
        ("rediss://:b@h", "rediss://:a@h"), ("unix://:b@/s?db=1", "unix:///s?db=1"),
        (
            "redis-sentinel://:b@s2,s4/1?master=m&sentinel_password=x",
            "redis-sentinel://:a@s1,s2/1?master=m"
        ),
        ("rediss-cluster://:b@n2,n3", "rediss-cluster://:a@n1,n2"),
    ])
    func `users, passwords, and some sentinels and nodes may change`(new: String, old: String)
        throws
    {
        #expect(try check(new, old) == nil)
    }

    @Test(
        arguments: [
            ("rediss://h", "redis://h", .kind), ("unix:///s", "redis://h", .kind),
            ("redis-sentinel://h?master=m", "redis://h", .kind),
            ("redis://h", "redis-cluster://h", .kind),
            ("redis-sentinel://h?master=n", "redis-sentinel://h?master=m", .kind),
            ("rediss-sentinel://h?master=m", "redis-sentinel://h?master=m", .kind),
            ("rediss-cluster://h", "redis-cluster://h", .kind),
            ("redis://other", "redis://h", .place), ("redis://h:1", "redis://h", .place),
            ("unix:///t", "unix:///s", .place), ("redis://h/1", "redis://h", .database),
            ("redis-sentinel://s3?master=m", "redis-sentinel://s1,s2?master=m", .addresses),
            ("redis-cluster://n1:1", "redis-cluster://n1", .addresses),
        ] as [(String, String, RedisURLReplacementError)])
    func `what may be another Redis needs a restart`(
        new: String, old: String, error: RedisURLReplacementError
    ) throws {
        #expect(try check(new, old) == error)
    }
}
