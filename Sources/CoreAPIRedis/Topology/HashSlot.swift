/// The hash slot of a key in a Redis Cluster: which of 16,384 parts of the keys it belongs to.
package struct HashSlot: Hashable, Sendable, Comparable {
    /// How many slots a cluster has.
    package static let count = 16_384

    /// From 0 to `count - 1`.
    package let number: Int

    /// Nil for a number that no slot has.
    package init?(_ number: Int) {
        guard 0..<HashSlot.count ~= number else { return nil }
        self.number = number
    }

    /// The slot of a key: of its hash tag if it has one, the text between the first `{` and the
    /// next `}` if that is not empty, else of the whole key (cluster specification, "Hash tags").
    package init(ofKey key: some Collection<UInt8>) {
        number = Int(CRC16.checksum(of: HashSlot.hashed(key))) % HashSlot.count
    }

    private static func hashed<Key: Collection<UInt8>>(_ key: Key) -> Key.SubSequence {
        guard let open = key.firstIndex(of: UInt8(ascii: "{")) else { return key[...] }
        let rest = key[key.index(after: open)...]
        guard let close = rest.firstIndex(of: UInt8(ascii: "}")), close != rest.startIndex else {
            return key[...]
        }
        return rest[..<close]
    }

    package static func < (left: HashSlot, right: HashSlot) -> Bool { left.number < right.number }
}

/// CRC-16/XMODEM, by which a Redis Cluster assigns keys to slots: polynomial 0x1021, initial value
/// 0, bits not reflected.
package enum CRC16 {
    /// The checksum of the bytes: 0x31C3 of `123456789`.
    package static func checksum(of bytes: some Sequence<UInt8>) -> UInt16 {
        var checksum: UInt16 = 0
        for byte in bytes { add(byte, to: &checksum) }
        return checksum
    }

    /// The checksum of the number in decimal.
    ///
    /// - Parameter number: not negative.
    package static func checksum(ofDecimal number: Int) -> UInt16 {
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        var checksum: UInt16 = 0
        while divisor > 0 {
            add(UInt8(ascii: "0") + UInt8(number / divisor % 10), to: &checksum)
            divisor /= 10
        }
        return checksum
    }

    /// Eight steps of the shift register at once.
    private static func add(_ byte: UInt8, to checksum: inout UInt16) {
        var step = checksum &>> 8 ^ UInt16(byte)
        step ^= step &>> 4
        checksum = checksum &<< 8 ^ step &<< 12 ^ step &<< 5 ^ step
    }
}
