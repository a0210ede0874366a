import Testing

@testable import CoreAPIRedis

@Suite struct SentinelAnswerTests {
    private func bulk(_ text: String) -> RedisReply { .bulk(Array(text.utf8)) }

    private func array(_ words: String...) -> RedisReply { .array(words.map(bulk)) }

    @Test(arguments: ["10.0.0.1", "redis.example", "::1", "fe80::1"])
    func `an address and a port are the master`(host: String) {
        let address = RedisAddress(host: host, port: 6_379)
        #expect(SentinelAnswer(array(host, "6379")) == .master(address))
    }

    @Test func `null is an unknown name, and an error a refusal`() {
        let error = RedisServerError(message: "NOPERM this user has no permissions")
        #expect(SentinelAnswer(.null) == .nameUnknown)
        #expect(SentinelAnswer(.error(error)) == .refused(error))
    }

    @Test func `what no sentinel answers counts as no answer`() {
        let wrong: [RedisReply] = [
            array(), array("h"), array("h", "1", "2"), array("h", "0"), array("h", "65536"),
            array("h", "-1"), array("h", ""), array("h", "x"), array("", "1"), array("a b", "1"),
            array("h\r\n", "1"), array(String(repeating: "h", count: 254), "1"),
            .array([bulk("h"), .integer(1)]), .array([.null, .null]), .integer(1), bulk("h:1"),
            .status(Array("OK".utf8)), .array([.bulk([0xFF]), bulk("1")]),
        ]
        for reply in wrong { #expect(SentinelAnswer(reply) == .none, "\(reply)") }
    }

    @Test
    func `other sentinels are read by their fields, and those without an address passed over`() {
        let reply = RedisReply.array([
            array("name", "x", "ip", "10.0.0.2", "port", "26379", "flags", "sentinel"),
            array("port", "1", "ip", "h"), array("ip", "h"), array("ip", "h", "port", "x"),
            array("ip"), .null, bulk("ip"), .array([]),
        ])
        #expect(
            SentinelAnswer.otherSentinels(reply)?.map(\.description) == ["10.0.0.2:26379", "h:1"])
        let many = RedisReply.array((1...1_000).map { array("ip", "h", "port", "\($0)") })
        let found = SentinelAnswer.otherSentinels(many)
        #expect(found?.count == SentinelStateMachine.sentinelsMax)
        #expect(SentinelAnswer.otherSentinels(.error(RedisServerError(message: "ERR"))) == nil)
    }

    @Test func `an announced failover has the old address and the new one`() throws {
        let found = SentinelAnswer.failover(
            array("message", "+switch-master", "m 10.0.0.1 1 h 2"), of: "m")
        let (old, new) = try #require(found)
        #expect(old == RedisAddress(host: "10.0.0.1", port: 1))
        #expect(new == RedisAddress(host: "h", port: 2))
    }

    @Test(arguments: [
        ["message", "+switch-master", "other h 1 i 2"], ["message", "+sdown", "m h 1 i 2"],
        ["pong", ""], ["message", "+switch-master", "m h 1 i"],
        ["message", "+switch-master", "m h 1 i 2 3"], ["message", "+switch-master", "m h 1 i x"],
        ["message", "+switch-master", "m  1 i 2"], ["message", "+switch-master", ""],
        ["subscribe", "+switch-master", "m h 1 i 2"],
    ])
    func `any other message is no failover of this master`(words: [String]) {
        let found = SentinelAnswer.failover(.array(words.map(bulk)), of: "m")
        #expect(found == nil)
    }
}
