/// The limits of one exchange of the client.
package struct HTTPClientLimits: Sendable {
    /// From the first attempt to connect until the response is complete: the resolver, every
    /// address, TLS, request and response together.
    package var exchangeMilliseconds = 10_000
    /// Status line and fields, with their line ends.
    package var headBytesMax = 16 * 1024
    package var fieldsMax = 100
    /// The content, without the framing of chunks.
    package var bodyBytesMax = 64 * 1024
    /// Interim responses before the final one.
    var interimResponsesMax = 8

    package init() {}

    /// The same limits for the decoder of a chunked body.
    var chunks: HTTPLimits {
        var limits = HTTPLimits()
        limits.bodyBytesMax = bodyBytesMax
        limits.fieldsMax = fieldsMax
        // A server may send small chunks: as much framing as content is allowed.
        limits.chunkOverheadBytesMax = bodyBytesMax + limits.chunkLineBytesMax
        return limits
    }
}
