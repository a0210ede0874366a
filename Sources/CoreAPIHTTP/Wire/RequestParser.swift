internal import CoreAPIBase

/// Reads the head of one request (RFC 9112 §2 to §6), whole or as it arrives.
///
/// The bytes are those from the request's beginning on; after more have arrived, `parse` is called
/// again with all of them. Only complete lines are judged, in their order, so that the answer does
/// not depend on how the bytes were split.
struct RequestParser {
    private let limits: HTTPLimits
    /// What was read so far; all of it once `parse` has said so.
    private(set) var head = RequestHead()
    private var fields = FramingFields()
    /// Where the line begins that has not been judged.
    private var lineStart = 0
    /// How far the end of that line has been looked for.
    private var searched = 0
    private var sawRequestLine = false
    private var sawEmptyLine = false
    private var fieldCount = 0

    init(limits: HTTPLimits) { self.limits = limits }

    /// Whether the request line has come and says HEAD, whatever is wrong with the rest.
    var isHead: Bool { sawRequestLine && head.method == .head }

    /// Begins to read another request.
    mutating func reset() {
        head = RequestHead()
        fields = FramingFields()
        (lineStart, searched, fieldCount) = (0, 0, 0)
        (sawRequestLine, sawEmptyLine) = (false, false)
    }

    /// True once the head is complete; false if bytes are missing.
    mutating func parse(_ bytes: Span<UInt8>) throws(HTTPRefusal) -> Bool {
        while let line = try nextLine(bytes) {
            if !sawRequestLine {
                // RFC 9112 §2.2: one empty line before the request line is ignored.
                if line.isEmpty, !sawEmptyLine {
                    sawEmptyLine = true
                    continue
                }
                try RequestLine.parse(line, bytes, into: &head, limits)
                sawRequestLine = true
            } else if line.isEmpty {
                head.byteCount = lineStart
                try fields.finish(&head, limits)
                return true
            } else {
                try parseField(line, bytes)
            }
        }
        return false
    }

    /// The next complete line, without its end.
    private mutating func nextLine(_ bytes: Span<UInt8>) throws(HTTPRefusal) -> Range<Int>? {
        let end = min(bytes.count, limits.headBytesMax)
        guard let lineFeed = ASCII.find(Grammar.lineFeed, searched..<max(searched, end), of: bytes)
        else {
            searched = end
            if bytes.count >= limits.headBytesMax { throw tooLarge(bytes) }
            return nil
        }
        guard lineFeed > lineStart, bytes[lineFeed - 1] == Grammar.carriageReturn else {
            throw .malformed(.bareLineFeed)
        }
        let line = lineStart..<(lineFeed - 1)
        lineStart = lineFeed + 1
        searched = lineStart
        return line
    }

    /// Which part of a head that has no end is too large.
    private func tooLarge(_ bytes: Span<UInt8>) -> HTTPRefusal {
        if sawRequestLine { return .fieldsTooLarge }
        let methodEnd = lineStart + limits.methodBytesMax
        for index in lineStart..<methodEnd {
            if bytes[index] == Grammar.space { return .targetTooLong }
            if !Grammar.isToken(bytes[index]) { return .malformed(.requestLine) }
        }
        return .methodUnknown
    }

    private mutating func parseField(_ line: Range<Int>, _ bytes: Span<UInt8>) throws(HTTPRefusal) {
        fieldCount += 1
        guard fieldCount <= limits.fieldsMax else { throw .fieldsTooLarge }
        let field = try FieldLine(line, bytes)
        try fields.take(field.name, field.value, bytes, into: &head)
    }
}
