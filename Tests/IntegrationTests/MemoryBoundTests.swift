import CoreAPIHTTP
import Foundation
import Testing

@testable import CoreAPIBase
@testable import CoreAPIHTTP
@testable import CoreAPIServer

/// The memory of stalled connections: while they are open, and after they have closed.
@Suite(.serialized, .timeLimit(.minutes(10))) struct MemoryBoundTests {
    // MARK: - The bound on buffers

    private static let chunkedHead =
        "POST /transaction HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    /// Requests that stall, each with more than a connection has of its own.
    private static let stalled = [
        "head": "GET /health HTTP/1.1\r\nHost: a\r\nA: " + filler(14_000),
        "body": "POST /transaction HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n"
            + filler(15_000),
        "chunk": chunkedHead + "4000\r\n" + filler(15_000),
        "chunks": chunkedHead + String(repeating: "10\r\n\(filler(16))\r\n", count: 937),
    ]

    private static func filler(_ count: Int) -> String { String(repeating: "a", count: count) }

    @Test(arguments: stalled.keys.sorted())
    func `beyond the limit a caller is refused at once, and small requests are served`(
        kind: String
    ) async throws {
        let request = try #require(MemoryBoundTests.stalled[kind])
        let bufferBytes = 100_000
        // The test may be suspended for longer than the usual timeouts.
        var limits = HTTPLimits()
        limits.headTimeoutMilliseconds = 600_000
        limits.bodyTimeoutMilliseconds = 600_000
        limits.idleTimeoutMilliseconds = 600_000
        try await LoopServer.with(limits, buffersBytesMax: bufferBytes) { server in
            let small = try RawClient(port: server.port)
            func postSmall() throws -> Int {
                try small.send(APIServer.post(APIServer.body()))
                return try small.readAnswer().status
            }
            #expect(try postSmall() == 200)
            var held: [RawClient] = []
            var refused: Answer?
            while refused == nil, held.count < 30 {
                let client = try RawClient(port: server.port)
                try client.send(request)
                held.append(client)
                var answered: RawClient?
                try await eventually("its bytes are held, or a caller is refused") {
                    answered = held.first { $0.isReadable(withinMilliseconds: 0) }
                    return answered != nil || server.buffers.now >= held.count * 8_000
                }
                refused = try answered?.readAnswer()
            }
            #expect((4...20).contains(held.count), "\(kind): \(held.count)")
            #expect(server.buffers.now <= bufferBytes)
            // Pipelined requests do not count as one large request.
            try small.send(String(repeating: APIServer.post(APIServer.body()), count: 50))
            var answers = ""
            while answers.firstRange(of: "HTTP/1.1 503") == nil,
                answers.components(separatedBy: "HTTP/1.1 200").count <= 50
            {
                let more = try small.readSome()
                try #require(!more.isEmpty, "the server has closed the connection")
                answers += more
            }
            #expect(answers.firstRange(of: "HTTP/1.1 503") == nil)
            #expect(refused?.status == 503)
            #expect(refused?.body.contains("\"code\":\"overloaded\"") == true)
            #expect(refused?.fields["retry-after"].flatMap { Int($0) } != nil)
            #expect(refused?.fields["connection"] == "close")
            #expect(try postSmall() == 200)
            held = []
            try await eventually("the buffers are released") { server.buffers.now == 0 }
            #expect(try postSmall() == 200)
        }
    }

    @Test func `a large buffer is released after its request, while the connection stays open`()
        async throws
    {
        try await LoopServer.with { server in
            let client = try RawClient(port: server.port)
            for _ in 0..<3 {
                try client.send(APIServer.post(MemoryBoundTests.filler(16_000)))
                #expect(try client.readAnswer().status == 400)
                try await eventually("the buffer is given back") { server.buffers.now == 0 }
            }
            #expect(server.count.servedNow == 1)
        }
    }

    @Test func `an answer that its caller does not take counts as well, or its connection ends`()
        async throws
    {
        try await LoopServer.with(buffersBytesMax: 300_000) { server in
            var deaf: [RawClient] = []
            let requests = String(
                repeating: "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", count: 1_000)
            while deaf.count < 30, deaf.count == server.count.servedNow {
                let client = try RawClient(port: server.port)
                deaf.append(client)
                let (before, count) = (server.buffers.now, deaf.count)
                try client.send(Array(requests.utf8), atMost: 1_000)
                try await eventually("its answer is held, or its connection has ended") {
                    server.buffers.now > before
                        || server.count.servedNow < count
                            && client.isReadable(withinMilliseconds: 0)
                }
            }
            #expect((2...8).contains(deaf.count), "\(deaf.count)")
            #expect(server.buffers.now <= 300_000)
            deaf = []
            try await eventually("nothing is held") { server.buffers.now == 0 }
        }
    }

    // MARK: - The resident memory

    private static let connections = 3_000
    private static let megabyte = 1 << 20

    /// Requests with the maximum framing, and the limit of a connection's memory for each.
    private static let floods: [String: (request: String, bytesMax: Int)] = [
        "chunk sizes": (chunkedHead + String(repeating: "1\r\na\r\n", count: 1_200), 8_000),
        "chunk extensions": (
            chunkedHead + String(repeating: "1;\(filler(1_000))\r\na\r\n", count: 6), 8_000
        ),
        "trailers": (
            chunkedHead + "1\r\na\r\n0\r\n"
                + String(repeating: "A: \(filler(1_000))\r\n", count: 5),
            8_000
        ),
        "body": (
            "POST /transaction HTTP/1.1\r\nHost: a\r\nContent-Length: 16384\r\n\r\n"
                + filler(16_000),
            24_000
        ),
        "head": ("GET /health HTTP/1.1\r\nHost: a\r\nA: " + filler(16_000), 24_000),
    ]

    /// The sanitizers' allocators do not return freed memory.
    private static let hasOwnAllocator =
        ProcessInfo.processInfo.environment["ASAN_OPTIONS"] == nil

    @Test(.enabled(if: hasOwnAllocator), arguments: floods.keys.sorted())
    func `a flood of stalled requests costs only their bytes, and the memory is returned`(
        kind: String
    ) async throws {
        let (request, bytesMax) = try #require(MemoryBoundTests.floods[kind])
        MemoryBoundTests.raiseOpenFilesLimit()
        try await APIServer.with(["QUEUE": "memory", "THREADS": "2"]) { server in
            #expect(try server.post(APIServer.body()).status == 200)
            let before = try residentBytes(server)
            var clients: [RawClient] = []
            for _ in 0..<MemoryBoundTests.connections {
                let client = try RawClient(port: server.port)
                try client.send(request)
                clients.append(client)
            }
            #expect(try server.post(APIServer.body()).status == 200)
            let during = try residentBytes(server)
            let cost = (during - before) / MemoryBoundTests.connections
            #expect(cost <= bytesMax, "\(kind): \(cost) bytes a connection")
            clients = []
            try await eventually("the memory is given back") {
                try residentBytes(server) <= before + 20 * MemoryBoundTests.megabyte
            }
        }
    }

    /// For the clients of the test, as far as its process may.
    private static func raiseOpenFilesLimit() {
        var limit = rlimit()
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// The resident memory of the process (proc_pid_statm(5)).
    private func residentBytes(_ server: APIServer) throws -> Int {
        let path = "/proc/\(server.program.identifier)/statm"
        let fields = try String(contentsOfFile: path, encoding: .utf8).split(separator: " ")
        return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }
}
