extension JSONReader {
    /// The ranges of an array's elements.
    ///
    /// - Parameter array: the range of `JSONValue.array`, which the reader has validated.
    package static func elements(of array: Range<Int>, _ bytes: Span<UInt8>) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var nested = 0
        do {
            var (byte, position) = try nextByte(array.lowerBound &+ 1, bytes)
            while byte != UInt8(ascii: "]") {
                let end = try afterValue(position, bytes, depth: 1, &nested)
                ranges.append(position..<end)
                (byte, position) = try nextByte(end, bytes)
                if byte == UInt8(ascii: ",") {
                    (byte, position) = try nextByte(position + 1, bytes)
                }
            }
        } catch {
            preconditionFailure("JSONReader.elements: the array was not validated: \(error)")
        }
        return ranges
    }
}
