/// A request's line and fields, as far as this server looks at them: offsets into the bytes that
/// were parsed, which begin with the request.
package struct RequestHead: Equatable {
    /// What is asked for (RFC 9112 §3.2).
    package enum Target: Equatable {
        /// The path, without the query; empty for an absolute target that has none.
        case path(Range<Int>)
        /// `*`, or the authority that CONNECT names: the server as a whole.
        case server
    }

    /// How the body is delimited (RFC 9112 §6.3).
    enum Framing: Equatable {
        /// Of this many bytes, which may be 0.
        case length(Int)
        case chunked
    }

    package var method = HTTPMethod.get
    package var target = Target.server
    /// Whether the version is HTTP/1.1 or a later 1.x; otherwise it is 1.0.
    var isHTTP11 = true
    var framing = Framing.length(0)
    package var contentType: Range<Int>?
    package var authorization: Range<Int>?
    /// `Accept`: from the value of the first such field to that of the last (`acceptedTypes`).
    package var accept: Range<Int>?
    /// Whether the body has a content coding other than `identity` (RFC 9110 §8.4).
    package var isEncoded = false
    package var idempotencyKey: Range<Int>?
    package var repeatsIdempotencyKey = false
    /// `X-Request-Id`, if there is one that can be taken.
    var requestID: Range<Int>?
    /// `traceparent` (W3C Trace Context); empty if it is there twice, which is none.
    package var traceParent: Range<Int>?
    /// Whether the caller waits for a 100 before it sends the body (RFC 9110 §10.1.1).
    var expectsContinue = false
    /// Whether the connection goes on after this request (RFC 9112 §9.3).
    var keepsAlive = true
    /// Where the body begins.
    var byteCount = 0
}
