internal import CoreAPIBase

/// The fields of a response that determine where it ends (RFC 9112 §6.3).
struct ResponseFraming {
    /// How the body is delimited.
    enum Body: Equatable {
        case length(Int)
        case chunked
        /// By the end of the connection.
        case untilEnd
    }

    private var lengths = 0
    private var length: Int?
    private var codings = 0
    private var isChunked = false
    private var isEncoded = false

    mutating func take(_ field: FieldLine, _ bytes: Span<UInt8>) {
        switch field.name.count {
        case 14 where Grammar.equalsIgnoringCase("content-length", field.name, bytes):
            lengths += 1
            length = Digits.clampedInteger(field.value, of: bytes)
        case 16 where Grammar.equalsIgnoringCase("content-encoding", field.name, bytes):
            if !Grammar.equalsIgnoringCase("identity", field.value, bytes) { isEncoded = true }
        case 17 where Grammar.equalsIgnoringCase("transfer-encoding", field.name, bytes):
            codings += 1
            isChunked = Grammar.equalsIgnoringCase("chunked", field.value, bytes)
        default: break
        }
    }

    /// The body's delimiter. Every contradiction is refused.
    ///
    /// - Parameter isHTTP11: false for HTTP/1.0, which has no transfer codings (RFC 9112 §6.1).
    func body(
        status: Int, isHTTP11: Bool, bodyBytesMax: Int
    ) throws(HTTPResponseError) -> Body {
        guard lengths <= 1, codings <= 1, lengths + codings <= 1 else { throw .framing }
        // The request accepts no transfer coding but chunked.
        guard codings == 0 || (isChunked && isHTTP11) else { throw .framing }
        guard lengths == 0 || length != nil else { throw .framing }
        // No content, whatever the fields say.
        if status < 200 || status == 204 || status == 304 { return .length(0) }
        guard !isEncoded else { throw .contentCoding }
        if isChunked { return .chunked }
        guard let length else { return .untilEnd }
        guard length <= bodyBytesMax else { throw .bodyTooLarge }
        return .length(length)
    }
}
