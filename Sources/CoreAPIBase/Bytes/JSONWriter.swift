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
        var rest = text.utf8.span
        while !rest.isEmpty {
            let count = JSONWriter.plainCount(rest)
            let plain = rest.extracting(first: count)
            bytes.append(addingCapacity: count) { $0.append(copying: plain) }
            rest = rest.extracting(droppingFirst: count)
            guard !rest.isEmpty else { break }
            escape(rest[0])
            rest = rest.extracting(droppingFirst: 1)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        if byte >= 0x20 {
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        } else {
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(JSONWriter.hexadecimal[Int(byte >> 4)])
            bytes.append(JSONWriter.hexadecimal[Int(byte & 15)])
        }
    }

    /// The number of bytes before the first byte that must be escaped.
    private static func plainCount(_ text: Span<UInt8>) -> Int {
        var rest = text
        while rest.count >= 8 {
            let eight = EightBytes(first: rest)
            let marks =
                eight.marks(below: 0x20) | eight.marks(of: UInt8(ascii: "\""))
                | eight.marks(of: UInt8(ascii: "\\"))
            if marks != 0 { return text.count - rest.count + EightBytes.countBefore(marks) }
            rest = rest.extracting(droppingFirst: 8)
        }
        for index in rest.indices
        where rest[index] < 0x20 || rest[index] == UInt8(ascii: "\"")
            || rest[index] == UInt8(ascii: "\\")
        {
            return text.count - rest.count + index
        }
        return text.count
    }

    private static let hexadecimal = Array("0123456789abcdef".utf8)
}
