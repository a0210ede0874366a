import Testing

@testable import CoreAPIRedis

@Suite struct HashSlotTests {
    private func slot(_ key: String) -> Int { HashSlot(ofKey: Array(key.utf8)).number }

    @Test func `the checksum is CRC-16 XMODEM`() {
        #expect(CRC16.checksum(of: Array("123456789".utf8)) == 0x31C3)
        #expect(CRC16.checksum(of: []) == 0)
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 123_456_789, 9_007_199_254_740_991, Int.max])
    func `the checksum of a number is that of its digits`(number: Int) {
        #expect(
            CRC16.checksum(ofDecimal: number) == CRC16.checksum(of: Array(String(number).utf8)))
    }

    /// As `CLUSTER KEYSLOT` of Redis 7.0 answers.
    @Test(arguments: [
        ("", 0), ("a", 15_495), ("foo", 12_182), ("transactions", 12_305), ("{}foo", 9_500),
        ("foo{}{bar}", 8_363),
    ])
    func `the slot is the checksum modulo 16,384`(key: String, slot: Int) {
        #expect(self.slot(key) == slot)
    }

    @Test(arguments: [
        ("{user1000}.following", "user1000"), ("foo{bar}{zap}", "bar"), ("foo{{bar}}zap", "{bar"),
        ("{s:3}:dead", "s:3"), ("core-api:idempotency:{s:3}:1:a{b}c", "s:3"),
    ])
    func `of a key with a tag the tag is hashed`(key: String, tag: String) {
        #expect(slot(key) == slot(tag))
    }

    @Test(arguments: ["foo{}{bar}", "{}", "{foo", "foo}", "}foo{", "{"])
    func `a tag that is empty or open is none`(key: String) {
        #expect(slot(key) == Int(CRC16.checksum(of: Array(key.utf8))) % 16_384)
    }

    @Test func `a slot is a number from 0 to 16,383`() {
        #expect(HashSlot(0)?.number == 0 && HashSlot(16_383)?.number == 16_383)
        #expect(HashSlot(-1) == nil && HashSlot(16_384) == nil && HashSlot(.min) == nil)
    }
}
