/// A set of ASCII bytes, one bit each: membership costs the same whatever the set's ranges are.
struct ByteSet: Sendable {
    /// The bytes 0 to 63 and 64 to 127.
    private var (low, high): (UInt64, UInt64) = (0, 0)

    init(_ isMember: (UInt8) -> Bool) {
        for byte in UInt8(0)..<64 {
            if isMember(byte) { low |= 1 << UInt64(byte) }
            if isMember(byte + 64) { high |= 1 << UInt64(byte) }
        }
    }

    @inline(__always) func contains(_ byte: UInt8) -> Bool {
        byte < 0x80 && (byte < 0x40 ? low : high) &>> UInt64(byte) & 1 == 1
    }

    /// The first position in the range whose byte is no member; the range's end if all are.
    @inline(__always) func end(in range: Range<Int>, of bytes: Span<UInt8>) -> Int {
        let rest = bytes.extracting(range)
        for index in rest.indices where !contains(rest[index]) {
            return range.lowerBound &+ index
        }
        return range.upperBound
    }
}
