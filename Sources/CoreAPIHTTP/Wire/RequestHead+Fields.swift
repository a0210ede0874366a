package import CoreAPIBase

/// Parts of a request that few endpoints use, read from its bytes when they are needed.
extension RequestHead {
    /// The value of a field; nil if the field is missing or occurs more than once.
    ///
    /// - Parameter bytes: the bytes of the request.
    package func value(of name: ShortText, in bytes: Span<UInt8>) -> [UInt8]? {
        var found: Range<Int>?
        var start = 0
        var isField = false
        while start < byteCount,
            let lineFeed = ASCII.find(Grammar.lineFeed, start..<byteCount, of: bytes)
        {
            let line = start..<max(start, lineFeed - 1)
            start = lineFeed + 1
            // The first line is the request line, after an empty line at most.
            defer { isField = isField || !line.isEmpty }
            guard isField, !line.isEmpty, let field = try? FieldLine(line, bytes),
                Grammar.equalsIgnoringCase(name, field.name, bytes)
            else { continue }
            guard found == nil else { return nil }
            found = field.value
        }
        return found.map { range in range.map { bytes[$0] } }
    }

    /// The query of the target without its question mark; empty without one.
    ///
    /// - Parameter bytes: the bytes of the request.
    package func query(in bytes: Span<UInt8>) -> [UInt8] {
        guard case .path(let path) = target, path.upperBound < byteCount,
            bytes[path.upperBound] == UInt8(ascii: "?"),
            let end = ASCII.find(Grammar.space, path.upperBound..<byteCount, of: bytes)
        else { return [] }
        return ((path.upperBound + 1)..<end).map { bytes[$0] }
    }
}
