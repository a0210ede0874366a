/// The parts of a request line and fields that this server uses, as offsets into the parsed bytes,
/// which start with the request.
package struct RequestHead: Equatable {
    /// The request target (RFC 9112 §3.2).
    package enum Target: Equatable {
        /// The path without the query; empty for an absolute-form target without a path.
        case path(Range<Int>)
        /// The server as a whole: `*`, or the authority of CONNECT.
        case server
    }

    /// How the body is delimited (RFC 9112 §6.3).
    enum Framing: Equatable {
        /// A body of this many bytes, possibly 0.
        case length(Int)
        case chunked
    }

    package var method = HTTPMethod.get
    package var target = Target.server
    /// Whether the version is HTTP/1.1 or a later 1.x; false for HTTP/1.0.
    var isHTTP11 = true
    var framing = Framing.length(0)
    package var contentType: Range<Int>?
    package var authorization: Range<Int>?
    /// From the value of the first `Accept` field to the value of the last (`acceptedTypes`).
    package var accept: Range<Int>?
    /// Whether the body has a content coding other than `identity` (RFC 9110 §8.4).
    package var isEncoded = false
    package var idempotencyKey: Range<Int>?
    package var repeatsIdempotencyKey = false
    /// The first acceptable `X-Request-Id`; nil without one.
    var requestID: Range<Int>?
    /// `traceparent` (W3C Trace Context). An empty range marks a repeated field, which is ignored.
    package var traceParent: Range<Int>?
    /// From the value of the first `tracestate` field to the value of the last
    /// (`traceStateMembers`).
    package var traceState: Range<Int>?
    /// Whether the caller waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    var expectsContinue = false
    /// Whether the connection persists after this request (RFC 9112 §9.3).
    var keepsAlive = true
    /// Length of the head, which is the position of the body.
    var byteCount = 0
}
