/// Why bytes are refused instead of parsed as a request. The connection is closed after each
/// refusal, because the start of the next request is unknown.
package enum HTTPRefusal: Error, Equatable {
    /// The bytes violate RFC 9112.
    case malformed(Reason)
    case targetTooLong
    case fieldsTooLarge
    case bodyTooLarge
    case expectationUnknown
    case transferCodingUnknown
    case methodUnknown
    case versionNotSupported
    /// The head or the body was incomplete at its deadline.
    case timedOut
    /// The shared buffers have no room for the bytes read.
    case tooMuchInput
    /// The connection exceeds the connection limit. None of its bytes were parsed.
    case tooManyConnections

    /// The violated rule. The raw value is the text for the caller.
    package enum Reason: String {
        case bareLineFeed = "a line must end in CR LF (RFC 9112 §2.2)"
        case requestLine = "the request line must be: method, space, target, space, version (§3)"
        case version = "the version must be HTTP/1.1 or HTTP/1.0 (RFC 9112 §2.3)"
        case target = "the target is in no form that the method allows (RFC 9112 §3.2)"
        case fieldName = "a field's name must be a token, and its colon must follow at once (§5.1)"
        case fieldValue = "a field's value has a control character (RFC 9110 §5.5)"
        case obsoleteFolding = "a field must not go on in the next line (RFC 9112 §5.2)"
        case host = "there must be one Host field, with a host and perhaps a port (RFC 9112 §3.2)"
        case contentLength = "Content-Length must be given once, in digits (RFC 9110 §8.6)"
        case transferEncoding = "Transfer-Encoding must be chunked, and that once (RFC 9112 §6.1)"
        case transferEncodingOld = "HTTP/1.0 knows no Transfer-Encoding (RFC 9112 §6.1)"
        case lengthAndCoding = "Content-Length and Transfer-Encoding exclude each other (§6.1)"
        case repeatedField = "Content-Type and Authorization must not be given twice (§5.3)"
        case chunkSize = "a chunk must begin with its size in hexadecimal digits (RFC 9112 §7.1)"
        case chunkExtension = "a chunk extension must be a name, perhaps with a value (§7.1.1)"
        case chunkEnd = "a chunk's data must end in CR LF after its size (RFC 9112 §7.1)"
        case endedEarly = "the connection ended within a request (RFC 9112 §8)"
    }
}
