internal import CoreAPIBase

/// All limits of an HTTP connection. At each limit the caller gets a refusal, or the connection is
/// closed.
package struct HTTPLimits: Sendable {
    /// Request line and fields, with their line ends.
    package var headBytesMax = 16 * 1024
    package var fieldsMax = 100
    /// The minimum that RFC 9112 §3 recommends.
    package var targetBytesMax = 8_000
    /// The longest method that is looked up. Registered methods have at most 17 bytes.
    var methodBytesMax = 32
    /// The content, without the framing of chunks.
    package var bodyBytesMax = 16 * 1024
    /// Chunk sizes, extensions and trailers of one body.
    package var chunkOverheadBytesMax = 6 * 1024
    /// A chunk-size line with its extensions, or a trailer field, with its line end. An incomplete
    /// line stays in the buffer.
    var chunkLineBytesMax = 4 * 1024
    /// Bytes of a chunked body to read at once.
    var chunkedReadBytesMax = 8 * 1024
    /// Bytes read and dropped after a refusal, so that a TCP reset does not discard the refusal.
    /// The limit exceeds the largest body that a proxy forwards by default (nginx: 1 MiB).
    var lingerBytesMax = 16 * 1024 * 1024

    /// From a request's first byte to the end of its head.
    var headTimeoutMilliseconds = 10_000
    /// From the end of the head to the end of the body.
    var bodyTimeoutMilliseconds = 10_000
    /// Time without a byte before a request.
    var idleTimeoutMilliseconds = 75_000
    /// Time without progress while the caller reads an answer.
    var writeTimeoutMilliseconds = 10_000
    /// From the first byte of an answer until the caller has read all of it, at any rate.
    var answerTimeoutMilliseconds = 30_000
    /// Time without a byte while lingering.
    var lingerTimeoutMilliseconds = 2_000
    /// Total time of lingering. A connection that was refused by the connection limit, or that
    /// drains, has only `lingerTimeoutMilliseconds`.
    var lingerTotalMilliseconds = 30_000
    /// Time without a byte after the drain begins. A request within that time gets the last answer.
    var lastRequestTimeoutMilliseconds = 1_000

    /// The size of a connection's own buffer. Bytes beyond it are counted (`ConnectionMemory`) and
    /// released as soon as possible.
    var keptBytesMax = 4 * 1024
    /// Bytes to read into the own buffer. The array header and the allocator use the rest of the
    /// page.
    var ownBytesMax = 4_032
    /// With less free space than this, a head is read into a larger buffer.
    var ownReadBytesMin = 1_024

    package init() {}

    /// Traps if the limits contradict each other.
    package func check() {
        precondition(
            targetBytesMax + methodBytesMax < headBytesMax,
            "HTTPLimits: targetBytesMax + methodBytesMax must be below headBytesMax")
        precondition(
            ownBytesMax <= keptBytesMax, "HTTPLimits: ownBytesMax exceeds keptBytesMax")
        precondition(
            keptBytesMax <= headBytesMax, "HTTPLimits: keptBytesMax exceeds headBytesMax")
        precondition(
            chunkLineBytesMax <= chunkOverheadBytesMax,
            "HTTPLimits: chunkLineBytesMax exceeds chunkOverheadBytesMax")
        precondition(
            lingerTimeoutMilliseconds <= lingerTotalMilliseconds,
            "HTTPLimits: lingerTimeoutMilliseconds exceeds lingerTotalMilliseconds")
        for timeout in [
            headTimeoutMilliseconds, bodyTimeoutMilliseconds, idleTimeoutMilliseconds,
            writeTimeoutMilliseconds, answerTimeoutMilliseconds, lingerTimeoutMilliseconds,
            lastRequestTimeoutMilliseconds,
        ] { precondition(timeout > 0, "HTTPLimits: a timeout is not positive") }
    }
}
