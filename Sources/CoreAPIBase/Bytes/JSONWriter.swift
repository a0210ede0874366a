/// Writes JSON (RFC 8259) to the end of a byte buffer.
package struct JSONWriter {
    package private(set) var bytes: [UInt8]

    package init(capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Appends text unchanged: punctuation, and member names that need no escape.
    package mutating func raw(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    /// Appends a whole number.
    package mutating func integer(_ value: Int) { raw("\(value)") }

    /// Appends a number of thousandths, with three digits of fraction.
    package mutating func thousandths(_ value: Int) {
        if value < 0 { raw("-") }
        let magnitude = value.magnitude
        integer(Int(magnitude / 1_000))
        bytes.append(UInt8(ascii: "."))
        bytes.append(decimal: Int(magnitude % 1_000), width: 3)
    }

    /// Appends a string in quotation marks, escaped as RFC 8259 §7 requires.
    package mutating func text(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(JSONWriter.hexadecimal[Int(byte >> 4)])
                bytes.append(JSONWriter.hexadecimal[Int(byte & 15)])
            default:
                bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static let hexadecimal = Array("0123456789abcdef".utf8)
}
