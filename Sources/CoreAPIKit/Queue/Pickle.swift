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
struct Pickle {
    private var bytes: [UInt8]

    init() {
        bytes = []
        bytes.reserveCapacity(128)
        bytes += [0x80, 0x02]
    }

    mutating func mark() { bytes.append(0x28) }
    mutating func none() { bytes.append(0x4E) }
    mutating func emptyTuple() { bytes.append(0x29) }
    mutating func emptyDictionary() { bytes.append(0x7D) }
    mutating func setItems() { bytes.append(0x75) }
    mutating func tuple() { bytes.append(0x74) }

    mutating func text(_ text: String) {
        bytes.append(0x58)
        append(UInt64(text.utf8.count), byteCount: 4)
        bytes.append(contentsOf: text.utf8)
    }

    /// - Parameter value: not negative.
    mutating func integer(_ value: Int) {
        precondition(value >= 0, "neither amounts nor users are negative")
        let value = UInt64(value)
        switch value {
        case 0...0xFF:
            bytes.append(0x4B)
            append(value, byteCount: 1)
        case 0x100...0xFFFF:
            bytes.append(0x4D)
            append(value, byteCount: 2)
        case 0x1_0000...0x7FFF_FFFF:
            bytes.append(0x4A)
            append(value, byteCount: 4)
        default:
            // The uppermost bit is the sign: a value that fills its bytes has one more, of zeros.
            let byteCount = (64 - value.leadingZeroBitCount) / 8 + 1
            bytes += [0x8A, UInt8(byteCount)]
            append(value, byteCount: byteCount)
        }
    }

    /// The bytes, ended by STOP.
    consuming func finished() -> [UInt8] {
        bytes.append(0x2E)
        return bytes
    }

    private mutating func append(_ value: UInt64, byteCount: Int) {
        for index in 0..<byteCount {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(index * 8)))
        }
    }
}
