internal import CoreAPIBase

/// Collects the fields that determine where a request ends and whether the connection persists.
struct FramingFields {
    private var sawHost = false
    private var contentLength: Int?
    private var isTooLong = false
    private var codings = Codings.none
    private var saysClose = false
    private var saysKeepAlive = false
    private var expects = Expectation.none

    private var requestIDCount = 0
    /// Elements of all list fields together.
    private var elementCount = 0
    /// Limit of digits, leading zeros included: more than any valid length has.
    private static let lengthDigitsMax = 1_000
    /// Limit of `X-Request-Id` fields that are checked.
    private static let requestIDsMax = 8

    private static let close = EightBytes("close")

    private enum Codings { case none, chunked, unknown, chunkedNotLast }
    private enum Expectation { case none, `continue`, unknown }

    /// Processes a field; ignores fields that this server does not use.
    mutating func take(
        _ name: Range<Int>, _ value: Range<Int>, _ bytes: Span<UInt8>, into head: inout RequestHead
    ) throws(HTTPRefusal) {
        switch name.count {
        case 4 where Grammar.equalsIgnoringCase("host", name, bytes):
            guard !sawHost, Authority.isValid(value, bytes) else { throw .malformed(.host) }
            sawHost = true
        case 6 where Grammar.equalsIgnoringCase("accept", name, bytes):
            head.accept = (head.accept?.lowerBound ?? value.lowerBound)..<value.upperBound
        case 6 where Grammar.equalsIgnoringCase("expect", name, bytes):
            try takeExpectations(value, bytes)
        case 10 where Grammar.equalsIgnoringCase("connection", name, bytes):
            try takeConnection(value, bytes)
        case 10 where Grammar.equalsIgnoringCase("tracestate", name, bytes):
            head.traceState = (head.traceState?.lowerBound ?? value.lowerBound)..<value.upperBound
        case 11 where Grammar.equalsIgnoringCase("traceparent", name, bytes):
            head.traceParent = head.traceParent == nil ? value : 0..<0
        case 12 where Grammar.equalsIgnoringCase("content-type", name, bytes):
            guard head.contentType == nil else { throw .malformed(.repeatedField) }
            head.contentType = value
        case 12 where Grammar.equalsIgnoringCase("x-request-id", name, bytes):
            // The first acceptable name is used: a proxy may have added another field.
            requestIDCount += 1
            if head.requestID == nil, requestIDCount <= FramingFields.requestIDsMax,
                RequestID.isAcceptable(value, bytes)
            {
                head.requestID = value
            }
        case 13 where Grammar.equalsIgnoringCase("authorization", name, bytes):
            guard head.authorization == nil else { throw .malformed(.repeatedField) }
            head.authorization = value
        case 14 where Grammar.equalsIgnoringCase("content-length", name, bytes):
            try takeContentLength(value, bytes)
        case 15 where Grammar.equalsIgnoringCase("idempotency-key", name, bytes):
            if head.idempotencyKey != nil { head.repeatsIdempotencyKey = true }
            head.idempotencyKey = value
        case 16 where Grammar.equalsIgnoringCase("content-encoding", name, bytes):
            let count = Grammar.forEachElement(value, bytes) { coding in
                if !Grammar.equalsIgnoringCase("identity", coding, bytes) { head.isEncoded = true }
            }
            try addElements(count)
        case 17 where Grammar.equalsIgnoringCase("transfer-encoding", name, bytes):
            try takeTransferEncoding(value, bytes)
        default: break
        }
    }

    /// Evaluates the complete set of fields.
    func finish(_ head: inout RequestHead, _ limits: HTTPLimits) throws(HTTPRefusal) {
        // RFC 9112 §3.2: an HTTP/1.1 request without Host is refused.
        guard sawHost || !head.isHTTP11 else { throw .malformed(.host) }
        head.framing = try framing(isHTTP11: head.isHTTP11)
        if isTooLong { throw .bodyTooLarge }
        if case .length(let length) = head.framing, length > limits.bodyBytesMax {
            throw .bodyTooLarge
        }
        // RFC 9110 §10.1.1: an HTTP/1.0 expectation is ignored.
        if head.isHTTP11 {
            guard expects != .unknown else { throw .expectationUnknown }
            head.expectsContinue = expects == .continue
        }
        // RFC 9112 §9.3: `close` takes precedence; HTTP/1.0 persists only with `keep-alive` on both
        // sides. Bytes after CONNECT may be meant for a tunnel, so they are not parsed as a
        // request.
        head.keepsAlive =
            !saysClose && (head.isHTTP11 || saysKeepAlive) && head.method != .connect
    }

    /// Determines the framing (RFC 9112 §6.3). Every contradiction is refused.
    private func framing(isHTTP11: Bool) throws(HTTPRefusal) -> RequestHead.Framing {
        if codings == .none { return .length(contentLength ?? 0) }
        guard isHTTP11 else { throw .malformed(.transferEncodingOld) }
        guard contentLength == nil, !isTooLong else { throw .malformed(.lengthAndCoding) }
        switch codings {
        case .unknown: throw .transferCodingUnknown
        case .chunkedNotLast: throw .malformed(.transferEncoding)
        case .none, .chunked: return .chunked
        }
    }

    /// `Content-Length = 1*DIGIT` (RFC 9110 §8.6), exactly once. Signs, lists and repetition are
    /// refused.
    private mutating func takeContentLength(
        _ value: Range<Int>, _ bytes: Span<UInt8>
    ) throws(HTTPRefusal) {
        guard contentLength == nil, !isTooLong,
            1...FramingFields.lengthDigitsMax ~= value.count
        else {
            throw .malformed(.contentLength)
        }
        for index in value where !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[index]) {
            throw .malformed(.contentLength)
        }
        contentLength = Digits.integer(value, of: bytes)
        // The value is a valid length that overflows `Int`.
        isTooLong = contentLength == nil
    }

    /// `Transfer-Encoding = #transfer-coding` (RFC 9112 §6.1), in one or several fields. Unlike in
    /// other lists, an empty element is refused: a proxy that reads it differently would see
    /// another end of the request (RFC 9112 §11.2).
    private mutating func takeTransferEncoding(
        _ value: Range<Int>, _ bytes: Span<UInt8>
    ) throws(HTTPRefusal) {
        var start = value.lowerBound
        repeat {
            let end = ASCII.find(UInt8(ascii: ","), start..<value.upperBound, of: bytes)
            let coding = Grammar.trimmed(start..<(end ?? value.upperBound), bytes)
            guard Grammar.isToken(coding, bytes) else { throw .malformed(.transferEncoding) }
            let isChunked = Grammar.equalsIgnoringCase("chunked", coding, bytes)
            switch codings {
            case .none: codings = isChunked ? .chunked : .unknown
            case .chunked, .chunkedNotLast: codings = .chunkedNotLast
            case .unknown: break
            }
            start = (end ?? value.upperBound) + 1
            // Any other coding is refused, so the rest of the list is irrelevant.
        } while start <= value.upperBound && codings == .chunked
    }

    /// `Connection = #connection-option` (RFC 9110 §7.6.1), in one or several fields.
    private mutating func takeConnection(
        _ value: Range<Int>, _ bytes: Span<UInt8>
    ) throws(HTTPRefusal) {
        let count = Grammar.forEachElement(value, bytes) { option in
            switch option.count {
            case 5 where !saysClose:
                saysClose = EightBytes(option, of: bytes).lowercased == FramingFields.close
            case 10 where !saysKeepAlive:
                saysKeepAlive = Grammar.equalsIgnoringCase("keep-alive", option, bytes)
            default: break
            }
        }
        try addElements(count)
    }

    /// `Expect = #expectation` (RFC 9110 §10.1.1), in one or several fields.
    private mutating func takeExpectations(
        _ value: Range<Int>, _ bytes: Span<UInt8>
    ) throws(HTTPRefusal) {
        let count = Grammar.forEachElement(value, bytes) { expectation in
            let isContinue = Grammar.equalsIgnoringCase("100-continue", expectation, bytes)
            expects = isContinue && expects != .unknown ? .continue : .unknown
        }
        try addElements(count)
    }

    /// Counts list elements against a common limit, since an element costs more than its bytes.
    private mutating func addElements(_ count: Int) throws(HTTPRefusal) {
        elementCount += count
        guard elementCount <= Grammar.listElementsMax else { throw .fieldsTooLarge }
    }
}
