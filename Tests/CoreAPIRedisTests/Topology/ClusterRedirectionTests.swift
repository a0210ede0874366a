import Testing

@testable import CoreAPIRedis

@Suite struct ClusterRedirectionTests {
    private func redirection(_ message: String) -> ClusterRedirection? {
        ClusterRedirection(
            RedisServerError(message: message), asked: RedisAddress(host: "seed", port: 7_000))
    }

    @Test(
        arguments: [
            ("MOVED 3999 10.0.0.1:6381", ClusterRedirection.Kind.moved, 3_999, "10.0.0.1", 6_381),
            ("ASK 0 node-2.example:1", .ask, 0, "node-2.example", 1),
            ("MOVED 16383 :6381", .moved, 16_383, "seed", 6_381),
            ("MOVED 1 ::1:6381", .moved, 1, "::1", 6_381),
        ] as [(String, ClusterRedirection.Kind, Int, String, UInt16)])
    func `a redirection names a slot and an address`(
        message: String, kind: ClusterRedirection.Kind, slot: Int, host: String, port: UInt16
    ) {
        let found = redirection(message)
        #expect(found?.kind == kind)
        #expect(found?.slot.number == slot)
        #expect(found?.address == RedisAddress(host: host, port: port))
    }

    @Test func `a host that the node does not know is no address`() {
        let found = redirection("MOVED 1 ?:6381")
        #expect(found?.slot.number == 1)
        #expect(found != nil && found?.address == nil)
    }

    @Test(arguments: [
        "", "MOVED", "MOVED 1", "MOVED 1 a", "MOVED 1 a:", "MOVED 1 a:0", "MOVED 1 a:65536",
        "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED +1 a:1", "MOVED x a:1", "MOVED  1 a:1",
        "MOVED 1 a:1 ", "MOVED 1 a b:1", "MOVED 1 a\r:1", "moved 1 a:1", "MOVED 1 a:99999999999999",
        "ASKING 1 a:1", "ERR MOVED 1 a:1", "MOVED 99999999999999999999 a:1", "MOVED 1 \u{0}:1",
    ])
    func `another error is no redirection`(message: String) {
        #expect(redirection(message) == nil)
    }
}
