internal import CoreAPIBase

/// Parses the head of one request (RFC 9112 §2 to §6), complete or in pieces.
///
/// Each call of `parse` gets all bytes from the request's start on. Only complete lines are
/// checked, in order, so the result does not depend on how the bytes were split.
struct RequestParser {
    private let limits: HTTPLimits
    /// The head as far as it is parsed; complete once `parse` returns true.
    private(set) var head = RequestHead()
    private var fields = FramingFields()
    /// The start of the line that is not parsed yet.
    private var lineStart = 0
    /// The position up to which the line's end was searched.
    private var searched = 0
    private var sawRequestLine = false
    private var sawEmptyLine = false
    private var fieldCount = 0

    init(limits: HTTPLimits) { self.limits = limits }

    /// Whether the request line has been parsed and its method is HEAD, even if the rest is
    /// malformed.
    var isHead: Bool { sawRequestLine && head.method == .head }

    /// Prepares to parse the next request.
    mutating func reset() {
        head = RequestHead()
        fields = FramingFields()
        (lineStart, searched, fieldCount) = (0, 0, 0)
        (sawRequestLine, sawEmptyLine) = (false, false)
    }

    /// Parses the available lines. True once the head is complete; false if bytes are missing.
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

    /// The next complete line, without its line end; nil if it is incomplete.
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

    /// The refusal of a head whose end is beyond `headBytesMax`.
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
