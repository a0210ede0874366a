internal import CoreAPIBase

/// Decodes a chunked body (RFC 9112 §7.1) in place. The content moves to the start of the body;
/// chunk sizes, extensions and trailers are removed as soon as they are checked. The only framing
/// in the buffer is an incomplete line.
///
/// Only complete lines are checked, so the result does not depend on how the bytes were split.
struct ChunkedBodyDecoder {
    private enum Part {
        case size
        case data(missing: Int)
        case dataEnd
        case trailers
    }

    /// The range of the content decoded so far. The bytes after it are not decoded; once the body
    /// is complete, they are the next request.
    private(set) var body: Range<Int>

    private let limits: HTTPLimits
    private var part = Part.size
    /// The position up to which the current line's end was searched.
    private var searched: Int
    /// Framing bytes seen so far.
    private var overhead = 0
    private var trailerCount = 0

    init(from position: Int, limits: HTTPLimits) {
        self.body = position..<position
        self.searched = position
        self.limits = limits
    }

    /// Decodes the available bytes. True once the body is complete.
    ///
    /// - Parameter input: the buffer from the request's start on. Later calls pass the same buffer
    ///   with more bytes appended.
    mutating func decode(_ input: inout [UInt8]) throws(HTTPRefusal) -> Bool {
        var position = body.upperBound
        let isComplete = try decode(&input, from: &position)
        input.removeSubrange(body.upperBound..<position)
        searched -= position - body.upperBound
        return isComplete
    }

    /// - Parameter position: the position of the first byte that is not decoded.
    private mutating func decode(
        _ input: inout [UInt8], from position: inout Int
    ) throws(HTTPRefusal) -> Bool {
        while true {
            switch part {
            case .size:
                guard let line = try nextLine(input.span, from: &position) else { return false }
                let size = try ChunkLine.size(line, input.span)
                guard size <= limits.bodyBytesMax - body.count else { throw .bodyTooLarge }
                part = size == 0 ? .trailers : .data(missing: size)
            case .data(let missing):
                let count = min(missing, input.count - position)
                move(count, in: &input, from: &position)
                guard count == missing else {
                    part = .data(missing: missing - count)
                    return false
                }
                part = .dataEnd
                fallthrough
            case .dataEnd:
                guard try skipDataEnd(input.span, from: &position) else { return false }
                part = .size
            case .trailers:
                guard let line = try nextLine(input.span, from: &position) else { return false }
                if line.isEmpty { return true }
                trailerCount += 1
                guard trailerCount <= limits.fieldsMax else { throw .bodyTooLarge }
                _ = try FieldLine(line, input.span)
            }
        }
    }

    /// Moves content bytes directly behind the content decoded so far.
    private mutating func move(_ count: Int, in input: inout [UInt8], from position: inout Int) {
        let end = body.upperBound
        var bytes = input.mutableSpan
        // A loop begins with a check whether vectors pay, which costs more than a byte.
        if count == 1 {
            bytes[end] = bytes[position]
        } else {
            for offset in 0..<count { bytes[end + offset] = bytes[position + offset] }
        }
        body = body.lowerBound..<(end + count)
        position += count
        searched = position
    }

    /// Skips the CR LF that must follow the data of a chunk.
    private mutating func skipDataEnd(
        _ bytes: Span<UInt8>, from position: inout Int
    ) throws(HTTPRefusal) -> Bool {
        guard position < bytes.count else { return false }
        guard bytes[position] == Grammar.carriageReturn else { throw .malformed(.chunkEnd) }
        guard position + 1 < bytes.count else { return false }
        guard bytes[position + 1] == Grammar.lineFeed else { throw .malformed(.chunkEnd) }
        position += 2
        searched = position
        overhead += 2
        return true
    }

    /// The next complete line, without its line end; nil if it is incomplete.
    private mutating func nextLine(
        _ bytes: Span<UInt8>, from position: inout Int
    ) throws(HTTPRefusal) -> Range<Int>? {
        let bytesMax = min(
            limits.chunkLineBytesMax, max(0, limits.chunkOverheadBytesMax - overhead))
        let window = position + bytesMax
        let end = min(bytes.count, window)
        guard let lineFeed = ASCII.find(Grammar.lineFeed, searched..<max(searched, end), of: bytes)
        else {
            searched = max(searched, end)
            if bytes.count >= window { throw .bodyTooLarge }
            return nil
        }
        guard lineFeed > position, bytes[lineFeed - 1] == Grammar.carriageReturn else {
            throw .malformed(.bareLineFeed)
        }
        let line = position..<(lineFeed - 1)
        overhead += lineFeed + 1 - position
        position = lineFeed + 1
        searched = position
        return line
    }
}

/// `chunk-size [ chunk-ext ]` (RFC 9112 §7.1).
enum ChunkLine {
    /// The chunk's size. A size that overflows `Int` is refused as too large.
    static func size(_ line: Range<Int>, _ bytes: Span<UInt8>) throws(HTTPRefusal) -> Int {
        var size = 0
        var index = line.lowerBound
        while index < line.upperBound, let digit = ASCII.hexadecimalValue(bytes[index]) {
            guard size <= Int.max >> 5 else { throw .bodyTooLarge }
            size = size << 4 | Int(digit)
            index += 1
        }
        guard index > line.lowerBound else { throw .malformed(.chunkSize) }
        if index < line.upperBound { try checkExtensions(index..<line.upperBound, bytes) }
        return size
    }

    /// `chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS value ] )` (RFC 9112 §7.1.1).
    private static func checkExtensions(
        _ range: Range<Int>, _ bytes: Span<UInt8>
    ) throws(HTTPRefusal) {
        var index = range.lowerBound
        let end = range.upperBound
        while index < end {
            skipBlanks(&index, end, bytes)
            guard index < end, bytes[index] == UInt8(ascii: ";") else {
                throw extensionOrSize(bytes, range)
            }
            index += 1
            skipBlanks(&index, end, bytes)
            guard skipToken(&index, end, bytes) else { throw .malformed(.chunkExtension) }
            var equals = index
            skipBlanks(&equals, end, bytes)
            guard equals < end, bytes[equals] == UInt8(ascii: "=") else { continue }
            index = equals + 1
            skipBlanks(&index, end, bytes)
            guard skipToken(&index, end, bytes) || skipQuotedString(&index, end, bytes) else {
                throw .malformed(.chunkExtension)
            }
        }
    }

    /// A bad byte directly after the digits makes the size malformed, a later one the extension.
    private static func extensionOrSize(_ bytes: Span<UInt8>, _ range: Range<Int>) -> HTTPRefusal {
        let first = bytes[range.lowerBound]
        let isExtension = first == UInt8(ascii: ";") || Grammar.isBlank(first)
        return .malformed(isExtension ? .chunkExtension : .chunkSize)
    }

    private static func skipBlanks(_ index: inout Int, _ end: Int, _ bytes: Span<UInt8>) {
        while index < end, Grammar.isBlank(bytes[index]) { index += 1 }
    }

    private static func skipToken(_ index: inout Int, _ end: Int, _ bytes: Span<UInt8>) -> Bool {
        let start = index
        index = Grammar.tokenBytes.end(in: start..<end, of: bytes)
        return index > start
    }

    /// `quoted-string` (RFC 9110 §5.6.4).
    private static func skipQuotedString(
        _ index: inout Int, _ end: Int, _ bytes: Span<UInt8>
    ) -> Bool {
        guard index < end, bytes[index] == UInt8(ascii: "\"") else { return false }
        index += 1
        while index < end, Grammar.isFieldValue(bytes[index]) {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return true
            case UInt8(ascii: "\\"):
                // An escaped byte must be legal in a field value: no control character.
                guard index + 1 < end, Grammar.isFieldValue(bytes[index + 1]) else { return false }
                index += 2
            default:
                index += 1
            }
        }
        return false
    }
}
