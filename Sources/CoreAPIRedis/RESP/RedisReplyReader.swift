internal import CHiredis

/// Turns the bytes of a Redis connection into replies, by the reader of libhiredis. The only file
/// that calls it.
///
/// hiredis calls back for each value that it has read; the replies are put together here, so that
/// nothing is allocated by one side and freed by the other.
@safe package final class RedisReplyReader {
    /// How many bytes a reply that is not complete may have. What this package asks for is answered
    /// in some hundred.
    package static let replyBytesMax = 1024 * 1024
    /// How deep arrays may nest, as in hiredis before 1.0; no reply that is asked for needs 2.
    private static let depthMax = 8

    private let reader: UnsafeMutablePointer<redisReader>
    private let assembly = Assembly()
    /// Bytes fed since the end of the last complete reply. hiredis drops the elements of an array
    /// that it has read from its buffer, so the buffer's size does not tell.
    private var unfinishedBytes = 0
    /// Where the next reply begins is not known.
    private var isBroken = false

    package init() {
        guard let reader = unsafe redisReaderCreateWithFunctions(RedisReplyReader.functions) else {
            fatalError("out of memory")
        }
        unsafe self.reader = unsafe reader
        unsafe reader.pointee.privdata = unsafe Unmanaged.passUnretained(assembly).toOpaque()
    }

    deinit { unsafe redisReaderFree(reader) }

    /// Takes bytes as they were received.
    package func feed(_ bytes: Span<UInt8>) {
        let result = unsafe bytes.withUnsafeBytes { bytes in
            unsafe redisReaderFeed(
                reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        // After an error hiredis takes nothing more, and `next` reports the error.
        _ = result
        unfinishedBytes += bytes.count
    }

    /// The next complete reply; nil if bytes are missing. After a violation there is none.
    package func next() throws(RedisError) -> RedisReply? {
        guard !isBroken else { throw .protocolViolation }
        isBroken = true
        var finished: UnsafeMutableRawPointer?
        guard unsafe redisReaderGetReply(reader, &finished) == REDIS_OK else {
            throw .protocolViolation
        }
        let reply: RedisReply?
        if unsafe finished == nil {
            guard unfinishedBytes <= RedisReplyReader.replyBytesMax else {
                throw .protocolViolation
            }
            reply = nil
        } else {
            unfinishedBytes = unsafe Int(reader.pointee.len) - Int(reader.pointee.pos)
            // None if hiredis passed over a value of RESP 3 for which there is no callback.
            guard let taken = assembly.takeReply() else { throw .protocolViolation }
            reply = taken
        }
        isBroken = false
        return reply
    }

    /// The reply under construction: finished replies, and arrays that still miss elements.
    private final class Assembly {
        private var open: [(missing: Int, elements: [RedisReply])] = []
        private var reply: RedisReply?

        /// False if arrays nest too deep: hiredis since 1.0 has no bound of its own, and what is
        /// freed, compared or printed by recursion needs one.
        func begin(count: Int) -> Bool {
            guard open.count < RedisReplyReader.depthMax else { return false }
            if count == 0 { add(.array([])) } else { open.append((count, [])) }
            return true
        }

        func add(_ value: RedisReply) {
            guard !open.isEmpty else {
                reply = value
                return
            }
            open[open.count - 1].elements.append(value)
            open[open.count - 1].missing -= 1
            if open[open.count - 1].missing == 0 { add(.array(open.removeLast().elements)) }
        }

        func takeReply() -> RedisReply? {
            defer { reply = nil }
            return reply
        }
    }

    // MARK: - Callbacks

    // hiredis since 1.0 reads RESP 3 whether it was asked for or not. A callback that returns nil
    // makes the reader fail, and so refuses the types that RESP 2 does not have.

    /// hiredis keeps this address for as long as a reader lives; it is never freed.
    private typealias Functions = UnsafeMutablePointer<redisReplyObjectFunctions>
    nonisolated(unsafe) private static let functions: Functions = {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        var table = redisReplyObjectFunctions()
        unsafe table.createString = { task, text, length in
            unsafe RedisReplyReader.add(text, length, task)
        }
        unsafe table.createArray = { task, count in
            guard unsafe task?.pointee.type == REDIS_REPLY_ARRAY,
                unsafe RedisReplyReader.assembly(task).begin(count: Int(count))
            else { return nil }
            return unsafe RedisReplyReader.token
        }
        unsafe table.createInteger = { task, value in
            unsafe RedisReplyReader.assembly(task).add(.integer(value))
            return unsafe RedisReplyReader.token
        }
        unsafe table.createNil = { task in
            switch unsafe task?.pointee.type {
            case REDIS_REPLY_STRING, REDIS_REPLY_ARRAY: break
            default: return nil
            }
            unsafe RedisReplyReader.assembly(task).add(.null)
            return unsafe RedisReplyReader.token
        }
        unsafe table.freeObject = { _ in }
        unsafe functions.initialize(to: table)
        return unsafe functions
    }()

    /// hiredis wants an object for each value, and does nothing but pass it on: any address but
    /// nil.
    nonisolated(unsafe) private static let token = unsafe UnsafeMutableRawPointer(bitPattern: 1)

    private static func assembly(_ task: UnsafePointer<redisReadTask>?) -> Assembly {
        guard let address = unsafe task?.pointee.privdata else {
            preconditionFailure("the reader hands its own data to every callback")
        }
        return unsafe Unmanaged<Assembly>.fromOpaque(address).takeUnretainedValue()
    }

    private static func add(
        _ text: UnsafePointer<CChar>?, _ length: Int, _ task: UnsafePointer<redisReadTask>?
    ) -> UnsafeMutableRawPointer? {
        let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: text, count: length))
        let value: RedisReply? =
            switch unsafe task?.pointee.type {
            case REDIS_REPLY_STATUS: .status(bytes)
            case REDIS_REPLY_ERROR:
                .error(RedisServerError(message: String(decoding: bytes, as: UTF8.self)))
            case REDIS_REPLY_STRING: .bulk(bytes)
            default: nil
            }
        guard let value else { return nil }
        unsafe assembly(task).add(value)
        return unsafe token
    }
}
