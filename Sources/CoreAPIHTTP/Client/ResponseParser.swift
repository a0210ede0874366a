internal import CoreAPIBase

/// Parses the response to one request (RFC 9112 §4 to §7): bytes in, a complete response out.
/// Interim responses are passed over (RFC 9110 §15.2).
///
/// Only complete lines are checked, so the result does not depend on how the bytes were split.
/// Bytes after the response are ignored: the connection ends with it.
struct ResponseParser {
    private enum Part {
        case statusLine
        case fields
        case body(ResponseFraming.Body, ChunkedBodyDecoder?)
        /// The response is complete, or refused.
        case ended
    }

    private let limits: HTTPClientLimits
    /// The bytes since the start of the response, as far as they are needed.
    private var buffer: [UInt8] = []
    private var part = Part.statusLine
    /// The start of the line that is not parsed yet; the start of the body after the head.
    private var lineStart = 0
    /// The position up to which the line's end was searched.
    private var searched = 0
    private var status = 0
    private var isHTTP11 = true
    /// The lines of the fields, without their line ends.
    private var fieldLines: [Range<Int>] = []
    private var interimResponses = 0

    init(limits: HTTPClientLimits) { self.limits = limits }

    /// Takes bytes. Returns the response once it is complete; nil if bytes are missing, or after
    /// the end.
    mutating func received(_ bytes: Span<UInt8>) throws(HTTPResponseError) -> HTTPResponse? {
        if case .ended = part { return nil }
        buffer.append(addingCapacity: bytes.count) { $0.append(copying: bytes) }
        do { return try parse() } catch {
            part = .ended
            throw error
        }
    }

    /// The connection has ended in order. Returns a response that is delimited by the end; throws
    /// if the response is incomplete (RFC 9112 §8).
    mutating func ended() throws(HTTPResponseError) -> HTTPResponse {
        guard case .body(.untilEnd, _) = part else {
            part = .ended
            throw .incomplete
        }
        return response(lineStart..<buffer.count)
    }

    private mutating func parse() throws(HTTPResponseError) -> HTTPResponse? {
        while true {
            switch part {
            case .statusLine:
                try checkBeginning()
                guard let line = try nextLine() else { return nil }
                try parseStatus(line)
                part = .fields
            case .fields:
                guard let line = try nextLine() else { return nil }
                if line.isEmpty { try headEnded() } else { try add(line) }
            case .body(let delimiter, let decoder): return try parseBody(delimiter, decoder)
            case .ended: return nil
            }
        }
    }

    // MARK: - The head

    /// The next complete line, without its line end; nil if it is incomplete.
    private mutating func nextLine() throws(HTTPResponseError) -> Range<Int>? {
        let end = min(buffer.count, limits.headBytesMax)
        guard
            let lineFeed = ASCII.find(
                Grammar.lineFeed, searched..<max(searched, end), of: buffer.span)
        else {
            searched = end
            if buffer.count >= limits.headBytesMax { throw .headTooLarge }
            return nil
        }
        guard lineFeed > lineStart, buffer[lineFeed - 1] == Grammar.carriageReturn else {
            throw lineStart == 0 ? .notHTTP : .head
        }
        let line = lineStart..<(lineFeed - 1)
        lineStart = lineFeed + 1
        searched = lineStart
        return line
    }

    private static let versionPrefix = Array("HTTP/1.".utf8)

    /// Refuses another protocol as soon as its first bytes differ, also if its line is too long.
    private func checkBeginning() throws(HTTPResponseError) {
        let count = min(buffer.count, ResponseParser.versionPrefix.count)
        guard buffer[..<count] == ResponseParser.versionPrefix[..<count] else { throw .notHTTP }
    }

    /// `HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 §4). The second space may be
    /// missing, as some servers leave it out with the reason.
    private mutating func parseStatus(_ line: Range<Int>) throws(HTTPResponseError) {
        let bytes = buffer[line]
        let digits = 9..<12
        guard bytes.starts(with: ResponseParser.versionPrefix), line.count >= digits.upperBound,
            let minor = ResponseParser.digit(bytes[7]), bytes[8] == Grammar.space,
            line.count == digits.upperBound || bytes[digits.upperBound] == Grammar.space,
            let status = Digits.integer(digits, of: buffer.span), status >= 100,
            Grammar.isFieldValue(digits.upperBound..<line.upperBound, buffer.span)
        else { throw .notHTTP }
        self.status = status
        isHTTP11 = minor > 0
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        let digit = byte &- UInt8(ascii: "0")
        return digit <= 9 ? digit : nil
    }

    private mutating func add(_ line: Range<Int>) throws(HTTPResponseError) {
        if Grammar.isBlank(buffer[line.lowerBound]) {
            // RFC 9112 §5.2: a line that continues a field. RFC 9112 §2.2: there is none to
            // continue after the status line.
            guard let folded = fieldLines.popLast() else { throw .head }
            buffer[folded.upperBound] = Grammar.space
            buffer[folded.upperBound + 1] = Grammar.space
            return fieldLines.append(folded.lowerBound..<line.upperBound)
        }
        guard fieldLines.count < limits.fieldsMax else { throw .headTooLarge }
        fieldLines.append(line)
    }

    private mutating func headEnded() throws(HTTPResponseError) {
        var framing = ResponseFraming()
        for line in fieldLines { framing.take(try field(line), buffer.span) }
        let body = try framing.body(
            status: status, isHTTP11: isHTTP11, bodyBytesMax: limits.bodyBytesMax)
        guard status >= 200 else { return try interimEnded() }
        let decoder = ChunkedBodyDecoder(from: lineStart, limits: limits.chunks)
        part = .body(body, body == .chunked ? decoder : nil)
    }

    private func field(_ line: Range<Int>) throws(HTTPResponseError) -> FieldLine {
        do { return try FieldLine(line, buffer.span) } catch { throw .head }
    }

    /// Drops an interim response. The next one begins after it.
    private mutating func interimEnded() throws(HTTPResponseError) {
        interimResponses += 1
        guard status != 101, interimResponses <= limits.interimResponsesMax else {
            throw .interim
        }
        buffer.removeSubrange(..<lineStart)
        (lineStart, searched) = (0, 0)
        fieldLines = []
        part = .statusLine
    }

    // MARK: - The body

    private mutating func parseBody(
        _ delimiter: ResponseFraming.Body, _ decoder: ChunkedBodyDecoder?
    ) throws(HTTPResponseError) -> HTTPResponse? {
        switch delimiter {
        case .length(let length):
            guard buffer.count - lineStart >= length else { return nil }
            return response(lineStart..<(lineStart + length))
        case .untilEnd:
            guard buffer.count - lineStart <= limits.bodyBytesMax else { throw .bodyTooLarge }
            return nil
        case .chunked:
            guard var decoder else {
                preconditionFailure("parseBody() of chunks without a decoder")
            }
            let isComplete = try ResponseParser.decode(&decoder, &buffer)
            part = .body(delimiter, decoder)
            return isComplete ? response(decoder.body) : nil
        }
    }

    private static func decode(
        _ decoder: inout ChunkedBodyDecoder, _ buffer: inout [UInt8]
    ) throws(HTTPResponseError) -> Bool {
        do { return try decoder.decode(&buffer) } catch {
            throw error == .bodyTooLarge ? .bodyTooLarge : .chunks
        }
    }

    private mutating func response(_ body: Range<Int>) -> HTTPResponse {
        part = .ended
        let head = Array(buffer[..<lineStart])
        let fields = fieldLines.compactMap { line in
            (try? FieldLine(line, head.span)).map {
                HTTPResponse.Field(name: $0.name, value: $0.value)
            }
        }
        return HTTPResponse(
            status: status, body: Array(buffer[body]), head: head, fields: fields)
    }
}
