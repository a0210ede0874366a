internal import CoreAPIBase

extension RequestHead {
    /// Limit of the bytes from the first `Accept` field to the last. Beyond it the fields are
    /// ignored: they state preferences, which may be disregarded (RFC 9110 §12.5.1).
    static let acceptBytesMax = 1_024

    /// The value of `Accept`; several fields are joined into one list (RFC 9110 §5.3). Nil without
    /// such a field, or beyond `acceptBytesMax`.
    ///
    /// - Parameter bytes: the bytes of the request.
    package func acceptedTypes(in bytes: Span<UInt8>) -> [UInt8]? {
        guard let accept, accept.count <= RequestHead.acceptBytesMax else { return nil }
        var types: [UInt8] = []
        var start = accept.lowerBound
        while start < accept.upperBound {
            let lineFeed = ASCII.find(Grammar.lineFeed, start..<accept.upperBound, of: bytes)
            let line = start..<(lineFeed.map { $0 - 1 } ?? accept.upperBound)
            if let value = value(ofAcceptIn: line, isFirst: start == accept.lowerBound, bytes) {
                if !types.isEmpty { types.append(UInt8(ascii: ",")) }
                types.append(addingCapacity: value.count) {
                    $0.append(copying: bytes.extracting(value))
                }
            }
            start = line.upperBound + 2
        }
        return types
    }

    /// The value of `Accept` in a line; nil if the line is another field. The first line starts
    /// with the value itself.
    private func value(
        ofAcceptIn line: Range<Int>, isFirst: Bool, _ bytes: Span<UInt8>
    ) -> Range<Int>? {
        if isFirst { return line }
        guard let field = try? FieldLine(line, bytes),
            Grammar.equalsIgnoringCase("accept", field.name, bytes)
        else { return nil }
        return field.value
    }
}
