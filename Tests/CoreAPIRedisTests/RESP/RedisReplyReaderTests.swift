import Testing

@testable import CoreAPIRedis

@Suite struct RedisReplyReaderTests {
    private func replies(_ pieces: [ArraySlice<UInt8>]) throws -> [RedisReply] {
        let reader = RedisReplyReader()
        var replies: [RedisReply] = []
        for piece in pieces {
            reader.feed(Array(piece).span)
            while let reply = try reader.next() { replies.append(reply) }
        }
        return replies
    }

    private let wire = Array(
        (":7\r\n:0\r\n:123456789012345678\r\n:1234567890123456789\r\n+OK\r\n:-42\r\n$5\r\nhe\r\no\r\n$-1\r\n*0\r\n*-1\r\n-OOM no memory\r\n"
            + "*3\r\n:1\r\n*2\r\n+a\r\n$0\r\n\r\n-ERR x\r\n$1\r\nz\r\n")
            .utf8)

    private var expected: [RedisReply] {
        [
            .integer(7), .integer(0), .integer(123_456_789_012_345_678),
            .integer(1_234_567_890_123_456_789),
            .status(Array("OK".utf8)), .integer(-42), .bulk(Array("he\r\no".utf8)), .null,
            .array([]), .null,
            .error(RedisServerError(message: "OOM no memory")),
            .array([
                .integer(1), .array([.status(Array("a".utf8)), .bulk([])]),
                .error(RedisServerError(message: "ERR x")),
            ]), .bulk(Array("z".utf8)),
        ]
    }

    @Test func `replies are read, whole, split anywhere, and byte by byte`() throws {
        #expect(try replies([wire[...]]) == expected)
        for index in wire.indices {
            #expect(try replies([wire[..<index], wire[index...]]) == expected)
        }
        #expect(try replies(wire.indices.map { wire[$0...$0] }) == expected)
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n", "x\r\n", "\r\n", "+OK\r\nx", "*1\r\nx\r\n", "*-2\r\n",
        ":01\r\n", ":\r\n", ":1\r\n:+01\r\n",
    ])
    func `bytes that are not RESP are refused`(text: String) {
        #expect(throws: RedisError.protocolViolation) { try replies([Array(text.utf8)[...]]) }
    }

    @Test func `a reply without an end is refused`() {
        let reader = RedisReplyReader()
        reader.feed(Array("$100000000\r\n".utf8).span)
        let piece = [UInt8](repeating: 0, count: 64 * 1024)
        #expect(throws: RedisError.protocolViolation) {
            for _ in 0..<20 {
                reader.feed(piece.span)
                let reply = try reader.next()
                #expect(reply == nil)
            }
        }
    }

    @Test func `an array without an end is refused, though its elements are read at once`() {
        let reader = RedisReplyReader()
        reader.feed(Array("*1000000000\r\n".utf8).span)
        let piece = Array(String(repeating: ":1\r\n", count: 16 * 1024).utf8)
        #expect(throws: RedisError.protocolViolation) {
            for _ in 0..<20 {
                reader.feed(piece.span)
                let reply = try reader.next()
                #expect(reply == nil)
            }
        }
    }

    @Test func `any number of replies is read at once`() throws {
        let wire = Array(String(repeating: "$3\r\nabc\r\n", count: 200_000).utf8)
        #expect(wire.count > RedisReplyReader.replyBytesMax)
        #expect(try replies([wire.dropLast()]).count == 199_999)
    }

    @Test func `arrays nest 8 deep and no deeper`() throws {
        func wire(depth: Int) -> ArraySlice<UInt8> {
            Array((String(repeating: "*1\r\n", count: depth) + ":1\r\n").utf8)[...]
        }
        #expect(try replies([wire(depth: 8)]).count == 1)
        #expect(throws: RedisError.protocolViolation) { try replies([wire(depth: 9)]) }
        #expect(throws: RedisError.protocolViolation) { try replies([wire(depth: 100_000)]) }
    }

    @Test func `after bytes that are not RESP nothing is read any more`() throws {
        for text in ["x\r\n", ",1.5\r\n", "*2\r\n:1\r\n,1.5\r\n"] {
            let reader = RedisReplyReader()
            reader.feed(Array(text.utf8).span)
            #expect(throws: RedisError.protocolViolation) { try reader.next() }
            reader.feed(Array("+OK\r\n".utf8).span)
            #expect(throws: RedisError.protocolViolation) { try reader.next() }
        }
    }

    /// libhiredis accepts these replies since version 1.0.
    @Test(arguments: [
        "_\r\n", "#t\r\n", ",1.5\r\n", "(12\r\n", "=5\r\ntxt:a\r\n", "%1\r\n+a\r\n:1\r\n",
        "~1\r\n:1\r\n", ">1\r\n+a\r\n", "|1\r\n+a\r\n:1\r\n", "%-1\r\n", "=-1\r\n",
    ])
    func `types of RESP 3 that RESP 2 lacks are refused`(text: String) {
        for wire in [text, text + "+OK\r\n", "*2\r\n:1\r\n" + text] {
            #expect(throws: RedisError.protocolViolation) { try replies([Array(wire.utf8)[...]]) }
        }
    }

    @Test(arguments: [
        ("OOM command not allowed", RedisServerError.Kind.outOfMemory),
        ("READONLY You can't write", .readOnly),
        ("LOADING Redis is loading", .loading),
        ("NOAUTH Authentication required.", .noAuthentication),
        ("WRONGPASS invalid", .wrongPassword), ("WRONGTYPE Operation", .wrongType),
        ("NOPERM this user", .noPermission),
        ("MASTERDOWN Link", .masterDown), ("MISCONF Redis", .cannotPersist),
        ("UNBLOCKED force unblock", .unblocked),
        ("BUSY Redis", .busy), ("TRYAGAIN x", .tryAgain), ("CLUSTERDOWN x", .clusterDown),
        ("MOVED 1 a:1", .moved),
        ("NOREPLICAS x", .noReplicas), ("NOSCRIPT x", .scriptUnknown), ("ERR x", .other),
        ("", .other), ("WHATEVER", .other),
    ])
    func `an error reply is named by its first word`(message: String, kind: RedisServerError.Kind) {
        let error = RedisServerError(message: message)
        #expect(error.kind == kind)
        #expect(error.description == message)
    }

    @Test func `a command is an array of bulk strings`() {
        var command = RedisCommand()
        command.add("SET", "key", "a value of 20 bytes.")
        command.begin(wordCount: 2)
        command.word("ECHO")
        command.word([0, 13, 10, 255])
        #expect(command.replyCount == 2)
        let expected =
            Array(
                ("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$20\r\na value of 20 bytes.\r\n"
                    + "*2\r\n$4\r\nECHO\r\n$4\r\n")
                    .utf8)
            + [0, 13, 10, 255, 13, 10]
        #expect(command.bytes == expected)
    }
}
