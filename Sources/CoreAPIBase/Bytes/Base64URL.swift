/// Base64 with the URL-safe alphabet and without padding (RFC 4648 §5, RFC 7515 §2).
package enum Base64URL {
    /// Decodes the bytes of the range. Nil if a byte is outside the alphabet (padding and white
    /// space are), if the length is impossible, or if unused bits of the last digit are not zero:
    /// each value has exactly one encoding (RFC 4648 §3.5).
    package static func decode(_ range: Range<Int>, of bytes: Span<UInt8>) -> [UInt8]? {
        var decoded: [UInt8] = []
        var isEncoded = false
        let length = decodedLength(range.count)
        decoded.append(addingCapacity: length) { place in
            place.append(repeating: 0, count: length)
            var span = place.mutableSpan
            isEncoded = decode(range, of: bytes, into: &span)
        }
        return isEncoded ? decoded : nil
    }

    /// The number of bytes that this number of digits decodes to.
    package static func decodedLength(_ digitCount: Int) -> Int { digitCount * 3 / 4 }

    /// Decodes into a buffer of exactly `decodedLength` bytes; false where `decode` returns nil.
    package static func decode(
        _ range: Range<Int>, of bytes: Span<UInt8>, into decoded: inout MutableSpan<UInt8>
    ) -> Bool {
        precondition(
            decoded.count == decodedLength(range.count),
            "Base64URL.decode: the buffer has another length than the decoded bytes")
        let remainder = range.count % 4
        guard remainder != 1 else { return false }
        let wholeEnd = range.upperBound - remainder
        // The OR of all digit values. An invalid byte has the value 0xFF and sets the top bits.
        var seen: UInt8 = 0
        var whole = bytes.extracting(range.lowerBound..<wholeEnd)
        var end = 0
        while whole.count >= 4 {
            let digits = (
                values[Int(whole[0])], values[Int(whole[1])], values[Int(whole[2])],
                values[Int(whole[3])]
            )
            whole = whole.extracting(droppingFirst: 4)
            seen |= digits.0 | digits.1 | digits.2 | digits.3
            decoded[end] = digits.0 &<< 2 | digits.1 &>> 4
            decoded[end &+ 1] = digits.1 &<< 4 | digits.2 &>> 2
            decoded[end &+ 2] = digits.2 &<< 6 | digits.3
            end &+= 3
        }
        if remainder >= 2 {
            let index = wholeEnd
            let digits = (values[Int(bytes[index])], values[Int(bytes[index + 1])])
            let last = remainder == 3 ? values[Int(bytes[index + 2])] : 0
            seen |= digits.0 | digits.1 | last
            decoded[end] = digits.0 << 2 | digits.1 >> 4
            if remainder == 3 { decoded[end + 1] = digits.1 << 4 | last >> 2 }
            // The unused bits of the last digit.
            let unused = remainder == 3 ? last & 0b11 : digits.1 & 0b1111
            if unused != 0 { seen |= 0x80 }
        }
        return seen < 64
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

    /// The value of each byte as a digit, 0 to 63; 0xFF for bytes outside the alphabet.
    private static let values = {
        var values = InlineArray<256, UInt8>(repeating: 0xFF)
        for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()
}
