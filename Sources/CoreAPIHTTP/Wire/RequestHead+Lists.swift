internal import CoreAPIBase

/// The values of fields that a caller may send several times; they are joined into one list (RFC
/// 9110 §5.3).
extension RequestHead {
    /// Limit of the bytes from the first `Accept` field to the last. Beyond it the fields are
    /// ignored: they state preferences, which may be disregarded (RFC 9110 §12.5.1).
    static let acceptBytesMax = 1_024

    /// The value of `Accept`. Nil without such a field, or beyond `acceptBytesMax`.
    ///
    /// - Parameter bytes: the bytes of the request.
    package func acceptedTypes(in bytes: Span<UInt8>) -> [UInt8]? {
        guard let accept, accept.count <= RequestHead.acceptBytesMax else { return nil }
        return RequestHead.joined("accept", accept, bytes)
    }

    /// The value of `tracestate` (W3C Trace Context §3.3); nil without such a field.
    ///
    /// - Parameter bytes: the bytes of the request.
    package func traceStateMembers(in bytes: Span<UInt8>) -> [UInt8]? {
        traceState.map { RequestHead.joined("tracestate", $0, bytes) }
    }

    /// - Parameters:
    ///   - name: of the fields, in lower case.
    ///   - range: from the value of the first such field to the value of the last.
    private static func joined(
        _ name: ShortText, _ range: Range<Int>, _ bytes: Span<UInt8>
    ) -> [UInt8] {
        var joined: [UInt8] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let lineFeed = ASCII.find(Grammar.lineFeed, start..<range.upperBound, of: bytes)
            let line = start..<(lineFeed.map { $0 - 1 } ?? range.upperBound)
            // The first line starts with the value itself.
            let isFirst = start == range.lowerBound
            if let value = isFirst ? line : value(of: name, in: line, bytes) {
                if !joined.isEmpty { joined.append(UInt8(ascii: ",")) }
                joined.append(addingCapacity: value.count) {
                    $0.append(copying: bytes.extracting(value))
                }
            }
            start = line.upperBound + 2
        }
        return joined
    }

    /// The value of the field in a line; nil if the line is another field.
    private static func value(
        of name: ShortText, in line: Range<Int>, _ bytes: Span<UInt8>
    ) -> Range<Int>? {
        guard let field = try? FieldLine(line, bytes),
            Grammar.equalsIgnoringCase(name, field.name, bytes)
        else { return nil }
        return field.value
    }
}
