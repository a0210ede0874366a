internal import CoreAPIKit

/// The fields that decide where a request ends and whether the connection goes on, as they come.
struct FramingFields {
    private var sawHost = false
    private var contentLength: Int?
    private var isTooLong = false
    private var codings = Codings.none
    private var saysClose = false
    private var saysKeepAlive = false
    private var expects = Expectation.none

    private var requestIDCount = 0
    /// More than any length has, zeros before it included.
    private static let lengthDigitsMax = 1_000
    /// So many of them are looked at.
    private static let requestIDsMax = 8

    private static let close = EightBytes("close")

    private enum Codings { case none, chunked, unknown, chunkedNotLast }
    private enum Expectation { case none, `continue`, unknown }

    /// Takes a field into account, if it is one that this server looks at.
    mutating func take(
        _ name: Range<Int>, _ value: Range<Int>, _ bytes: Span<UInt8>, into head: inout RequestHead
    ) throws(HTTPRefusal) {
        switch name.count {
        case 4 where Grammar.equalsIgnoringCase("host", name, bytes):
            guard !sawHost, Grammar.isAuthority(value, bytes) else { throw .malformed(.host) }
            sawHost = true
        case 6 where Grammar.equalsIgnoringCase("accept", name, bytes):
            if head.accept == nil { head.accept = value }
        case 6 where Grammar.equalsIgnoringCase("expect", name, bytes):
            let isContinue = Grammar.equalsIgnoringCase("100-continue", value, bytes)
            expects = isContinue && expects != .unknown ? .continue : .unknown
        case 10 where Grammar.equalsIgnoringCase("connection", name, bytes):
            takeConnection(value, bytes)
        case 11 where Grammar.equalsIgnoringCase("traceparent", name, bytes):
            head.traceParent = head.traceParent == nil ? value : 0..<0
        case 12 where Grammar.equalsIgnoringCase("x-request-id", name, bytes):
            // The first that can be taken: a proxy may have added another.
            requestIDCount += 1
            if head.requestID == nil, requestIDCount <= FramingFields.requestIDsMax,
                RequestID.isAcceptable(value, bytes)
            {
                head.requestID = value
            }
        case 12 where Grammar.equalsIgnoringCase("content-type", name, bytes):
            guard head.contentType == nil else { throw .malformed(.repeatedField) }
            head.contentType = value
        case 13 where Grammar.equalsIgnoringCase("authorization", name, bytes):
            guard head.authorization == nil else { throw .malformed(.repeatedField) }
            head.authorization = value
        case 14 where Grammar.equalsIgnoringCase("content-length", name, bytes):
            try takeContentLength(value, bytes)
        case 15 where Grammar.equalsIgnoringCase("idempotency-key", name, bytes):
            if head.idempotencyKey != nil { head.repeatsIdempotencyKey = true }
            head.idempotencyKey = value
        case 17 where Grammar.equalsIgnoringCase("transfer-encoding", name, bytes):
            try takeTransferEncoding(value, bytes)
        default: break
        }
    }

    /// The fields are complete: what they mean together.
    func finish(_ head: inout RequestHead, _ limits: HTTPLimits) throws(HTTPRefusal) {
        // RFC 9112 §3.2: a request of HTTP/1.1 without Host is refused.
        guard sawHost || !head.isHTTP11 else { throw .malformed(.host) }
        head.framing = try framing(isHTTP11: head.isHTTP11)
        if isTooLong { throw .bodyTooLarge }
        if case .length(let length) = head.framing, length > limits.bodyBytesMax {
            throw .bodyTooLarge
        }
        // RFC 9110 §10.1.1: an expectation of HTTP/1.0 is ignored.
        if head.isHTTP11 {
            guard expects != .unknown else { throw .expectationUnknown }
            head.expectsContinue = expects == .continue
        }
        // RFC 9112 §9.3: close wins; HTTP/1.0 goes on only where both sides say so.
        head.keepsAlive = !saysClose && (head.isHTTP11 || saysKeepAlive)
    }

    /// RFC 9112 §6.3, with every contradiction refused.
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

    /// `Content-Length = 1*DIGIT` (RFC 9110 §8.6), once: neither signs, nor lists, nor repetition.
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
        // Digits alone, but more than fit an integer: a length all the same.
        isTooLong = contentLength == nil
    }

    /// `Transfer-Encoding = #transfer-coding` (RFC 9112 §6.1), perhaps over several lines.
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
            // It is refused, whatever follows.
        } while start <= value.upperBound && codings == .chunked
    }

    /// `Connection = #connection-option` (RFC 9110 §7.6.1), perhaps over several lines.
    private mutating func takeConnection(_ value: Range<Int>, _ bytes: Span<UInt8>) {
        Grammar.forEachElement(value, bytes, lengths: 5...10) { option in
            switch option.count {
            case 5 where !saysClose:
                saysClose = EightBytes(option, of: bytes).lowercased == FramingFields.close
            case 10 where !saysKeepAlive:
                saysKeepAlive = Grammar.equalsIgnoringCase("keep-alive", option, bytes)
            default: break
            }
        }
    }
}
