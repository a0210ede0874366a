import CoreAPIRedis
import Testing

@testable import CoreAPIKit

@Suite struct StreamPartitionsTests {
    @Test func `with one partition the names are those of a stream without partitions`() {
        let partitions = StreamPartitions(key: "s")
        #expect(partitions.streamKey(0) == "s")
        #expect(partitions.tag(0) == "s")
        #expect(partitions.deadLetterKey(0) == "s:dead")
        #expect(partitions.retryKey(0, group: "psp") == "s:psp:retry")
        #expect(partitions.claimKey == "core-api:partitions:{s}")
    }

    @Test func `with more, each partition has its hash tag`() {
        let partitions = StreamPartitions(key: "s", count: 8)
        #expect(partitions.streamKey(7) == "{s:7}")
        #expect(partitions.tag(7) == "s:7")
        #expect(partitions.deadLetterKey(7) == "{s:7}:dead")
        #expect(partitions.retryKey(7, group: "psp") == "{s:7}:psp:retry")
        #expect(partitions.claimKey == "core-api:partitions:{s}")
        #expect(partitions.indices == 0..<8)
    }

    @Test func `the keys of a partition lie in one slot`() {
        let partitions = StreamPartitions(key: "transactions", count: 64)
        func slot(_ key: String) -> HashSlot { HashSlot(ofKey: Array(key.utf8)) }
        for partition in partitions.indices {
            let tag = partitions.tag(partition)
            let keys = [
                partitions.streamKey(partition), partitions.deadLetterKey(partition),
                partitions.retryKey(partition, group: "a{b}c"), "core-api:session:{\(tag)}:00",
                "core-api:idempotency:{\(tag)}:1:{x}",
            ]
            #expect(Set(keys.map(slot)).count == 1)
        }
        #expect(Set(partitions.indices.map { slot(partitions.streamKey($0)) }).count > 60)
    }

    @Test func `a user's partition is the checksum of the decimal id, modulo their number`() {
        // CRC-16 XMODEM of "123456789" is 0x31C3, 12739.
        for (count, partition) in [(1, 0), (2, 1), (10, 9), (1_000, 739), (1_024, 451)] {
            let partitions = StreamPartitions(key: "s", count: count)
            #expect(partitions.index(ofUser: 123_456_789) == partition)
        }
        let partitions = StreamPartitions(key: "s", count: 16)
        var users = [Int](repeating: 0, count: 16)
        for user in 0..<16_000 { users[partitions.index(ofUser: user)] += 1 }
        #expect(users.allSatisfy { 900...1_100 ~= $0 })
    }

    @Test(arguments: [1, 4])
    func `all keys of a partition lie in its slot of a cluster`(count: Int) {
        let partitions = StreamPartitions(key: "s", count: count)
        for partition in partitions.indices {
            let slot = partitions.slot(partition)
            #expect(HashSlot(ofKey: partitions.streamKey(partition).utf8) == slot)
            let session = ProducerCall.sessionKeyStart(Array(partitions.tag(partition).utf8))
            #expect(HashSlot(ofKey: session) == slot)
        }
        #expect(partitions.claim.slot == HashSlot(ofKey: "s".utf8))
    }
}
