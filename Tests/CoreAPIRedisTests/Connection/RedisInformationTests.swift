import Testing

@testable import CoreAPIRedis

/// The values parsed from `INFO`.
@Suite struct RedisInformationTests {
    private func information(_ lines: String...) -> RedisInformation {
        var information = RedisInformation()
        information.add(Array(lines.joined(separator: "\r\n").utf8))
        return information
    }

    @Test func `a master's sections show whether it accepts writes`() {
        let found = information(
            "# Replication", "role:master", "connected_slaves:3",
            "slave0:ip=10.0.0.1,port=6379,state=online,offset=14,lag=1",
            "slave1:ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0",
            "slave2:ip=10.0.0.3,port=6379,state=online,offset=0,lag=6",
            "min_slaves_good_slaves:1", "cluster_enabled:0", "aof_enabled:1",
            "aof_last_write_status:ok", "maxmemory:100", "used_memory:101",
            "mem_not_counted_for_evict:1", "maxmemory_policy:noeviction", "")
        #expect(found.isReplica == false)
        #expect(found.replicas == 3)
        #expect(found.replicasInTouch == 1)
        #expect(found.hasTooFewReplicas == false)
        #expect(!found.stopsWrites)
        #expect(found.settingsWanted == ["min-replicas-to-write"])
        #expect(found.isClusterNode == false)
        #expect(found.hasAppendOnlyFile == true)
        #expect(found.cannotAppend == false)
        #expect(found.isFull == false)
        #expect(found.evicts == false)
    }

    @Test(
        arguments: [
            ("100", "101", "0", "noeviction", true), ("100", "100", "0", "noeviction", false),
            ("0", "101", "0", "noeviction", false), ("100", "101", "0", "allkeys-lru", false),
            ("100", "101", "-5", "noeviction", true), ("-1", "101", "0", "noeviction", nil),
            ("100", "0", "9223372036854775807", "noeviction", false),
            ("9223372036854775807", "9223372036854775808", "0", "noeviction", nil),
            ("100", "1e9", "0", "noeviction", nil), ("100", "101", "0", "NO!", nil),
        ] as [(String, String, String, String, Bool?)])
    func `a Redis is full above maxmemory, if it evicts nothing`(
        max: String, used: String, uncounted: String, policy: String, isFull: Bool?
    ) {
        let found = information(
            "maxmemory:\(max)", "used_memory:\(used)", "mem_not_counted_for_evict:\(uncounted)",
            "maxmemory_policy:\(policy)")
        #expect(found.isFull == isFull)
    }

    @Test(arguments: ["volatile-lru", "volatile-ttl", "allkeys-random", "allkeys-lfu"])
    func `every other policy evicts`(policy: String) {
        #expect(information("maxmemory_policy:\(policy)").evicts)
    }

    @Test(
        arguments: [
            "", ":", "::::", "role", "slave:lag=", "slave0:", "slave0:state=online,lag=",
            "slave0:state=online,lag=-1", "slavex:state=online,lag=1",
            "slave0:state=online,lag=9223372036854775808", "connected_slaves:-1",
            "connected_slaves:1\u{0}", "\u{0}\u{1}", "maxmemory_policy:<script>",
        ])
    func `a malformed value is nil`(line: String) {
        #expect(information(line) == RedisInformation())
    }

    @Test func `a replica and a cluster node are recognised by their INFO`() {
        #expect(information("role:slave").isReplica == true)
        #expect(information("cluster_enabled:1").isClusterNode == true)
        #expect(information("aof_last_write_status:err").cannotAppend == true)
    }

    private func setting(_ name: String, _ value: String) -> RedisReply {
        .array([.bulk(Array(name.utf8)), .bulk(Array(value.utf8))])
    }

    @Test(
        arguments: [
            ("0", "1", true), ("1", "1", false), ("1", "2", true), ("2", "2", false),
            ("0", "x", true), ("1", "-5", false), ("1", "9223372036854775808", false),
        ])
    func `fewer replicas than min-replicas-to-write are too few`(
        good: String, needed: String, tooFew: Bool
    ) {
        var found = information("min_slaves_good_slaves:\(good)")
        found.add(setting: setting("min-replicas-to-write", needed))
        #expect(found.hasTooFewReplicas == tooFew)
        #expect(information("role:master").hasTooFewReplicas == nil)
    }

    @Test(
        arguments: [
            ("err", "yes", "3600 1", true), ("ok", "yes", "3600 1", false),
            ("err", "no", "3600 1", false), ("err", "yes", "", false),
        ])
    func `a snapshot that failed stops writes, if Redis is set so`(
        status: String, stop: String, save: String, stops: Bool
    ) {
        var found = information("rdb_last_bgsave_status:\(status)")
        #expect(
            found.settingsWanted
                == (status == "err" ? ["stop-writes-on-bgsave-error", "save"] : []))
        for reply in [.null, .array([]), .array([.null, .null]), setting("x", "y")] as [RedisReply]
        {
            found.add(setting: reply)
        }
        #expect(!found.stopsWrites)
        found.add(setting: setting("stop-writes-on-bgsave-error", stop))
        found.add(setting: setting("save", save))
        #expect(found.stopsWrites == stops)
    }
}
