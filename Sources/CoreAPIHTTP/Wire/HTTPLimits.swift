internal import CoreAPIBase

/// Every bound of an HTTP connection. At each of them the caller is told, or the connection ends.
package struct HTTPLimits: Sendable {
    /// Request line and fields, with their line ends.
    package var headBytesMax = 16 * 1024
    package var fieldsMax = 100
    /// What RFC 9112 §3 recommends to support at least.
    package var targetBytesMax = 8_000
    /// The longest method that is still looked up; registered ones have at most 17 bytes.
    var methodBytesMax = 32
    /// The content, without the framing of chunks.
    package var bodyBytesMax = 16 * 1024
    /// Chunk sizes, extensions and trailers of one body.
    var chunkOverheadBytesMax = 6 * 1024
    /// A chunk's size with its extensions, or a trailer field, with its line end. It is held until
    /// it is complete.
    var chunkLineBytesMax = 4 * 1024
    /// What is read of a chunked body at once.
    var chunkedReadBytesMax = 8 * 1024
    /// What is read and thrown away after a refusal, so that the refusal is not lost to a reset:
    /// more than the body that a proxy passes on by its own defaults (nginx: 1 MiB).
    var lingerBytesMax = 16 * 1024 * 1024

    /// From a request's first byte to the end of its head.
    var headTimeoutMilliseconds = 10_000
    /// From the end of the head to the end of the body.
    var bodyTimeoutMilliseconds = 10_000
    /// Without a byte between two requests, and before the first.
    var idleTimeoutMilliseconds = 75_000
    /// Without a byte taken by a caller who is to read an answer.
    var writeTimeoutMilliseconds = 10_000
    /// From the first byte of an answer until the caller has taken it, however it takes it.
    var answerTimeoutMilliseconds = 30_000
    /// Without a byte, after the last answer.
    var lingerTimeoutMilliseconds = 2_000
    /// From the last answer on, however much comes; a connection that was refused itself, and one
    /// of a server that ends, have `lingerTimeoutMilliseconds`.
    var lingerTotalMilliseconds = 30_000
    /// Once the server ends: without a byte of one more request, which is answered as the last.
    var lastRequestTimeoutMilliseconds = 1_000

    /// A buffer up to this is the connection's own. What is beyond it is counted
    /// (`ConnectionMemory`), and given back as soon as it is not needed.
    var keptBytesMax = 4 * 1024
    /// What is read into such a buffer: an array and the allocator need the rest of the page.
    var ownBytesMax = 4_032
    /// With less room than this, a head is read on into a larger buffer.
    var ownReadBytesMin = 1_024

    package init() {}

    /// Traps if the bounds contradict each other.
    package func check() {
        precondition(targetBytesMax + methodBytesMax < headBytesMax, "a request line fits a head")
        precondition(ownBytesMax <= keptBytesMax, "what is read into a buffer fits it")
        precondition(keptBytesMax <= headBytesMax, "what is kept is no more than what is used")
        precondition(
            chunkLineBytesMax <= chunkOverheadBytesMax, "a line of chunks is a part of them all")
        precondition(
            lingerTimeoutMilliseconds <= lingerTotalMilliseconds, "a silence ends before the whole")
        for timeout in [
            headTimeoutMilliseconds, bodyTimeoutMilliseconds, idleTimeoutMilliseconds,
            writeTimeoutMilliseconds, answerTimeoutMilliseconds, lingerTimeoutMilliseconds,
            lastRequestTimeoutMilliseconds,
        ] { precondition(timeout > 0, "every wait has a deadline") }
    }
}
