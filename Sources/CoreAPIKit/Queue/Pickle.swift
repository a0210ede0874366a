/// Writes Python's pickle format, protocol 2, which every Python 3 reads: literal values alone.
///
///     80 02            PROTO 2
///     28               MARK
///     58 u32 bytes     BINUNICODE: length little-endian, then UTF-8
///     4b u8            BININT1            0…255
///     4d u16           BININT2            little-endian, …65535
///     4a i32           BININT             little-endian, …2^31-1
///     8a n bytes       LONG1              n bytes of two's complement, little-endian, minimal
///     4e               NONE
///     29  7d           EMPTY_TUPLE, EMPTY_DICT
///     75               SETITEMS           of names and values since the last mark
///     74               TUPLE              of everything since the last mark
///     2e               STOP
enum Pickle {
    static let start: [UInt8] = [0x80, 0x02]
    static let mark: [UInt8] = [0x28]
    static let none: [UInt8] = [0x4E]
    static let emptyTuple: [UInt8] = [0x29]
    static let emptyDictionary: [UInt8] = [0x7D]
    static let setItems: [UInt8] = [0x75]
    static let tuple: [UInt8] = [0x74]
    static let stop: [UInt8] = [0x2E]

    static func text(_ text: String) -> [UInt8] {
        textStart(length: text.utf8.count) + Array(text.utf8)
    }

    /// What stands before a text of so many bytes.
    static func textStart(length: Int) -> [UInt8] {
        [0x58] + (0..<4).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
    }

    /// How many bytes an integer takes.
    ///
    /// - Parameter value: not negative.
    static func integerLength(_ value: Int) -> Int {
        switch value {
        case 0...0xFF: 2
        case 0x100...0xFFFF: 3
        case 0x1_0000...0x7FFF_FFFF: 5
        default: 2 + longByteCount(value)
        }
    }

    /// - Parameter value: not negative.
    static func append(_ value: Int, to bytes: inout OutputSpan<UInt8>) {
        precondition(value >= 0, "neither amounts nor users are negative")
        switch value {
        case 0...0xFF:
            bytes.append(0x4B)
            append(value, byteCount: 1, to: &bytes)
        case 0x100...0xFFFF:
            bytes.append(0x4D)
            append(value, byteCount: 2, to: &bytes)
        case 0x1_0000...0x7FFF_FFFF:
            bytes.append(0x4A)
            append(value, byteCount: 4, to: &bytes)
        default:
            bytes.append(0x8A)
            bytes.append(UInt8(longByteCount(value)))
            append(value, byteCount: longByteCount(value), to: &bytes)
        }
    }

    /// The uppermost bit is the sign: a value that fills its bytes has one more, of zeros.
    private static func longByteCount(_ value: Int) -> Int {
        (64 - value.leadingZeroBitCount) / 8 + 1
    }

    private static func append(
        _ value: Int, byteCount: Int, to bytes: inout OutputSpan<UInt8>
    ) {
        for index in 0..<byteCount {
            bytes.append(UInt8(truncatingIfNeeded: value >> (index * 8)))
        }
    }
}
