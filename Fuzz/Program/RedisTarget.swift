@testable internal import CoreAPIRedis

/// Bytes from Redis: every split gives the same replies, and a second parser of RESP 2 agrees.
enum RedisTarget {
    static func run(_ bytes: [UInt8]) {
        let whole = Outcome([bytes[...]])
        for pieces in Derived.splits(of: bytes) {
            let split = Outcome(pieces)
            demand(
                split == whole,
                "pieces of \(pieces.map(\.count)) bytes give \(split), whole: \(whole)")
        }
        var reader = RESPReader(bytes)
        let expected = reader.readAll()
        if reader.foundLenience { return }
        demand(whole.replies == expected, "\(whole), but the bytes say \(expected)")
        demand(
            whole.isRefused == reader.foundViolation || reader.foundRESP3,
            "\(whole), violated: \(reader)")
    }

    private struct Outcome: Equatable {
        private(set) var replies: [RedisReply] = []
        private(set) var isRefused = false

        init(_ pieces: [ArraySlice<UInt8>]) {
            let reader = RedisReplyReader()
            for piece in pieces {
                reader.feed(Array(piece).span)
                do throws(RedisError) {
                    while let reply = try reader.next() { replies.append(reply) }
                } catch {
                    demand(error == .protocolViolation, "\(error)")
                    isRefused = true
                }
            }
        }
    }
}

/// Reads RESP 2 a second time, by other means: whole texts, with recursion.
struct RESPReader {
    /// Whether the bytes are not RESP 2.
    private(set) var foundViolation = false
    /// Whether they have a type of RESP 3, which libhiredis since 1.0 knows: then it may wait for
    /// the value's end before it is refused.
    private(set) var foundRESP3 = false
    /// Whether something is in them that libhiredis, or a version of it, reads otherwise: above
    /// all a bulk string's data that is not followed by CR LF, which it skips unseen.
    private(set) var foundLenience = false

    private let bytes: [UInt8]
    private var position = 0

    /// Arrays around an array: no reply of a command that this package sends has as many.
    private static let depthMax = 7

    private enum Stop: Error { case incomplete, violation, lenience }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The replies up to the end of the bytes or to the first invalid reply.
    mutating func readAll() -> [RedisReply] {
        var replies: [RedisReply] = []
        do throws(Stop) {
            while position < bytes.count { replies.append(try reply(depth: 0)) }
        } catch {
            foundViolation = error == .violation
            foundLenience = error == .lenience
        }
        return replies
    }

    private mutating func reply(depth: Int) throws(Stop) -> RedisReply {
        guard position < bytes.count else { throw .incomplete }
        let type = bytes[position]
        foundRESP3 = "_#,(=!%~>|".utf8.contains(type)
        guard "+-:$*".utf8.contains(type) else { throw .violation }
        position += 1
        let isTooDeep = type == UInt8(ascii: "*") && depth > Self.depthMax
        // Some versions of libhiredis refuse the array before its line is complete.
        guard let line = try? line() else { throw isTooDeep ? .lenience : .incomplete }
        // Some refuse there even one that is null, which opens nothing.
        if isTooDeep { throw line.elementsEqual("-1".utf8) ? .lenience : .violation }
        // A lone CR or LF in a line is refused since libhiredis 1.0.
        guard !line.contains(13), !line.contains(10) else { throw .lenience }
        switch type {
        case UInt8(ascii: "+"): return .status(Array(line))
        case UInt8(ascii: "-"):
            return .error(RedisServerError(message: String(decoding: line, as: UTF8.self)))
        case UInt8(ascii: ":"): return .integer(try integer(line))
        case UInt8(ascii: "$"): return try bulk(count: try integer(line))
        default: return try array(count: try integer(line), depth: depth)
        }
    }

    private mutating func bulk(count: Int64) throws(Stop) -> RedisReply {
        guard count >= -1 else { throw .violation }
        guard count >= 0 else { return .null }
        guard count <= bytes.count - position - 2 else { throw .incomplete }
        let end = position + Int(count)
        guard bytes[end] == 13, bytes[end + 1] == 10 else { throw .lenience }
        defer { position = end + 2 }
        return .bulk(Array(bytes[position..<end]))
    }

    private mutating func array(count: Int64, depth: Int) throws(Stop) -> RedisReply {
        guard count >= -1, count <= UInt32.max else { throw .violation }
        // Versions of libhiredis have different bounds.
        guard count <= Int32.max else { throw .lenience }
        guard count >= 0 else { return .null }
        var elements: [RedisReply] = []
        for _ in 0..<count { elements.append(try reply(depth: depth + 1)) }
        return .array(elements)
    }

    private mutating func line() throws(Stop) -> ArraySlice<UInt8> {
        let start = position
        while position + 1 < bytes.count {
            if bytes[position] == 13, bytes[position + 1] == 10 {
                defer { position += 2 }
                return bytes[start..<position]
            }
            position += 1
        }
        throw .incomplete
    }

    /// Decimal, without a plus or zeros before it.
    private func integer(_ line: ArraySlice<UInt8>) throws(Stop) -> Int64 {
        let text = String(decoding: line, as: UTF8.self)
        guard let value = Int64(text), String(value) == text else { throw .violation }
        return value
    }
}
