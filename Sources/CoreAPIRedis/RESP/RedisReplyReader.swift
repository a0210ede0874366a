internal import CHiredis

/// Parses the bytes of a Redis connection into replies with the reader of libhiredis. No other file
/// calls libhiredis.
///
/// hiredis calls back for each value that it has parsed. This class assembles the replies, so that
/// neither side frees memory that the other has allocated.
@safe package final class RedisReplyReader {
    /// Limit of the bytes of an incomplete reply. The replies to this package's commands have some
    /// hundred bytes.
    package static let replyBytesMax = 1024 * 1024
    /// Limit of nested arrays, as in hiredis before 1.0. The replies to this package's commands
    /// nest less than two deep.
    private static let depthMax = 8

    private let reader: UnsafeMutablePointer<redisReader>
    private let assembly = Assembly()
    /// Bytes fed since the end of the last complete reply. The size of hiredis's buffer is less,
    /// because hiredis removes the parsed elements of an incomplete array.
    private var unfinishedBytes = 0
    /// Integers that came before anything that hiredis has, the last one first: most replies are
    /// integers, and hiredis takes ten times as long for them.
    @exclusivity(unchecked) private var integers: [Int64] = []
    /// Whether the bytes violated the protocol, so that the start of the next reply is unknown.
    private var isBroken = false

    package init() {
        guard let reader = unsafe redisReaderCreateWithFunctions(RedisReplyReader.functions) else {
            fatalError("RedisReplyReader.init: libhiredis is out of memory")
        }
        unsafe self.reader = unsafe reader
        unsafe reader.pointee.privdata = unsafe Unmanaged.passUnretained(assembly).toOpaque()
    }

    deinit { unsafe redisReaderFree(reader) }

    /// Takes received bytes: integers at their begin, and passes the rest to hiredis.
    package func feed(_ bytes: Span<UInt8>) {
        var start = 0
        if unfinishedBytes == 0, unsafe integers.isEmpty, !isBroken {
            while let end = takeInteger(of: bytes, from: start) { start = end }
            if start == bytes.count { return unsafe integers.reverse() }
            unsafe integers.reverse()
        }
        pass(bytes.extracting(start...))
    }

    /// Takes an integer that is not negative, `:123\r\n`. Returns its end; nil if there is none, or
    /// a part of it.
    private func takeInteger(of bytes: Span<UInt8>, from start: Int) -> Int? {
        guard start < bytes.count, bytes[start] == UInt8(ascii: ":") else { return nil }
        let zero = UInt8(ascii: "0")
        var (value, position): (Int64, Int) = (0, start + 1)
        while position < bytes.count, position - start <= RedisReplyReader.digitsMax {
            let digit = bytes[position] &- zero
            if digit > 9 { break }
            value = value &* 10 &+ Int64(digit)
            position += 1
        }
        // As hiredis, not `:01`.
        guard position > start + 1, position == start + 2 || bytes[start + 1] != zero,
            position + 1 < bytes.count,
            bytes[position] == UInt8(ascii: "\r"), bytes[position + 1] == UInt8(ascii: "\n")
        else { return nil }
        unsafe integers.append(value)
        return position + 2
    }

    /// The digits of a number that surely fits into 64 bits.
    private static let digitsMax = 18

    private func pass(_ bytes: Span<UInt8>) {
        let result = unsafe bytes.withUnsafeBytes { bytes in
            unsafe redisReaderFeed(
                reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        // After an error hiredis accepts no bytes, and `next` throws the error.
        _ = result
        unfinishedBytes += bytes.count
    }

    /// The next complete reply; nil if bytes are missing. After a violation of the protocol, every
    /// call throws.
    package func next() throws(RedisError) -> RedisReply? {
        if let integer = unsafe integers.popLast() { return .integer(integer) }
        // Nothing but integers was received, as nearly always.
        if unfinishedBytes == 0, !isBroken { return nil }
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
            // Nil if hiredis skipped a value of RESP 3 that has no callback.
            guard let taken = assembly.takeReply() else { throw .protocolViolation }
            reply = taken
        }
        isBroken = false
        return reply
    }

    /// The reply under construction: open arrays, which still lack elements, and a complete reply.
    private final class Assembly {
        private var open: [(missing: Int, elements: [RedisReply])] = []
        private var reply: RedisReply?

        /// Begins an array. False if arrays nest too deep. hiredis since 1.0 has no limit, but
        /// Swift frees and compares nested arrays by recursion.
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

    // hiredis since 1.0 parses RESP 3 even if the client has not requested it. A callback that
    // returns nil makes the reader fail, which refuses the types that RESP 2 lacks.

    /// The table of callbacks. Each reader holds its address, so it is never freed.
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

    /// The object that callbacks return for each value. hiredis only passes it on, so any address
    /// except nil will do.
    nonisolated(unsafe) private static let token = unsafe UnsafeMutableRawPointer(bitPattern: 1)

    private static func assembly(_ task: UnsafePointer<redisReadTask>?) -> Assembly {
        guard let address = unsafe task?.pointee.privdata else {
            preconditionFailure("RedisReplyReader.assembly: hiredis passed no privdata")
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
