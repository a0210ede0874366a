/// `field-line = field-name ":" OWS field-value OWS` (RFC 9112 §5), in a head or a trailer section.
struct FieldLine {
    let name: Range<Int>
    /// The value without surrounding white space.
    let value: Range<Int>

    /// - Parameter line: a non-empty line without its line end.
    init(_ line: Range<Int>, _ bytes: Span<UInt8>) throws(HTTPRefusal) {
        guard !Grammar.isBlank(bytes[line.lowerBound]) else { throw .malformed(.obsoleteFolding) }
        let colon = Grammar.tokenBytes.end(in: line, of: bytes)
        guard colon > line.lowerBound, colon < line.upperBound,
            bytes[colon] == UInt8(ascii: ":")
        else { throw .malformed(.fieldName) }
        guard Grammar.isFieldValue(colon..<line.upperBound, bytes) else {
            throw .malformed(.fieldValue)
        }
        name = line.lowerBound..<colon
        value = Grammar.trimmed((colon + 1)..<line.upperBound, bytes)
    }
}
