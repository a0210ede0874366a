/// Why the bytes of a server are not a response that the client accepts. The raw value describes
/// the response.
package enum HTTPResponseError: String, Error, Sendable {
    /// RFC 9112 §4.
    case notHTTP = "it does not begin with an HTTP/1.x status line"
    /// RFC 9112 §5.
    case head = "its header fields are malformed"
    case headTooLarge = "its head is too large"
    case bodyTooLarge = "its body is too large"
    /// RFC 9112 §6.3: a length that is invalid or repeated, or a length and a transfer coding.
    case framing = "its Content-Length and Transfer-Encoding are invalid"
    /// RFC 9112 §7.1.
    case chunks = "its chunks are malformed"
    /// RFC 9110 §8.4. The request accepts none.
    case contentCoding = "it has a Content-Encoding that was not asked for"
    /// Too many interim responses, or a switch of protocols that was not asked for
    /// (RFC 9110 §15.2).
    case interim = "it has an interim response that was not asked for"
    /// RFC 9112 §8: the connection ended before the response did.
    case incomplete = "the connection ended before the response was complete"
}
