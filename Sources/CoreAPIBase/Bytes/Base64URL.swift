/// Base64 with the URL-safe alphabet and without padding (RFC 4648 §5, RFC 7515 §2).
package enum Base64URL {
    /// Decodes the bytes of the range. Nil if a byte is outside the alphabet (padding and white
    /// space are), if the length is impossible, or if unused bits of the last digit are not zero:
    /// each value has exactly one encoding (RFC 4648 §3.5).
    package static func decode(_ range: Range<Int>, of bytes: Span<UInt8>) -> [UInt8]? {
        var decoded: [UInt8] = []
        var isEncoded = false
        let length = decodedLength(range.count)
        decoded.append(addingCapacity: length) { output in
            output.append(repeating: 0, count: length)
            var span = output.mutableSpan
            isEncoded = decode(range, of: bytes, into: &span)
        }
        return isEncoded ? decoded : nil
    }

    /// The number of bytes that this number of digits decodes to.
    package static func decodedLength(_ digitCount: Int) -> Int { digitCount * 3 / 4 }

    /// Decodes into the first `decodedLength` bytes of a buffer that has as many or more, of which
    /// the one behind them may change too; false where `decode` returns nil.
    package static func decode(
        _ range: Range<Int>, of bytes: Span<UInt8>, into decoded: inout MutableSpan<UInt8>
    ) -> Bool {
        precondition(
            decoded.count >= decodedLength(range.count),
            "Base64URL.decode: the buffer is shorter than the decoded bytes")
        let remainder = range.count % 4
        guard remainder != 1 else { return false }
        let wholeEnd = range.upperBound - remainder
        // The OR of all groups: a byte outside the alphabet sets a bit above a group's 24 bits.
        var seen: UInt32 = 0
        var whole = bytes.extracting(range.lowerBound..<wholeEnd)
        var end = 0
        while whole.count >= 4 {
            let group =
                values.first[Int(whole[0])] | values.second[Int(whole[1])]
                | values.third[Int(whole[2])] | values.fourth[Int(whole[3])]
            whole = whole.extracting(droppingFirst: 4)
            seen |= group
            if end &+ 4 <= decoded.count {
                // The next group overwrites the fourth byte.
                decoded.store(four: group, at: end)
            } else {
                store(group, 3, at: end, in: &decoded)
            }
            end &+= 3
        }
        if remainder >= 2 {
            var group =
                values.first[Int(bytes[wholeEnd])] | values.second[Int(bytes[wholeEnd + 1])]
            if remainder == 3 { group |= values.third[Int(bytes[wholeEnd + 2])] }
            store(group, remainder - 1, at: end, in: &decoded)
            // The unused bits of the last digit.
            let unused = group & (remainder == 3 ? 0xFF_0000 : 0xFF_FF00)
            if unused != 0 { return false }
            seen |= group
        }
        return seen < Values.invalid
    }

    /// Stores the first bytes of a group.
    private static func store(
        _ group: UInt32, _ count: Int, at start: Int, in decoded: inout MutableSpan<UInt8>
    ) {
        for index in 0..<count {
            decoded[start + index] = UInt8(truncatingIfNeeded: group &>> UInt32(8 * index))
        }
    }

    package static func encode(_ bytes: Span<UInt8>) -> [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var bitCount = 0
        for index in bytes.indices {
            bits = bits << 8 | UInt32(bytes[index])
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                encoded.append(digits[Int(bits >> UInt32(bitCount) & 63)])
            }
        }
        if bitCount > 0 { encoded.append(digits[Int(bits << UInt32(6 - bitCount) & 63)]) }
        return encoded
    }

    private static let digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The value of each byte as a digit, shifted to the digit's bits in a group of four: a lookup
    /// replaces a lookup and a shift. A group's three bytes are in little-endian order.
    private static let values = Values()

    private struct Values {
        let first, second, third, fourth: InlineArray<256, UInt32>

        /// The value of a byte outside the alphabet.
        static let invalid: UInt32 = 1 << 24

        init() {
            var values = InlineArray<256, UInt32>(repeating: Values.invalid)
            for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt32(value) }
            func shifted(_ bits: UInt32) -> InlineArray<256, UInt32> {
                InlineArray {
                    values[$0] == Values.invalid
                        ? Values.invalid : (values[$0] << bits).byteSwapped >> 8
                }
            }
            (first, second, third, fourth) = (shifted(18), shifted(12), shifted(6), shifted(0))
        }
    }
}
