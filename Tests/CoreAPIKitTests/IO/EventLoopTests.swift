import CoreAPIKit
import Synchronization
import Testing

/// The loop on a thread of its own, with real sockets on the loopback.
@Suite(.timeLimit(.minutes(10))) struct EventLoopTests {
    private func withLoop(_ body: (EventLoop) async throws -> Void) async throws {
        let loop = try EventLoop()
        try Thread.start { loop.run() }
        defer { loop.stop() }
        try await body(loop)
    }

    @Test func `a task with its preference runs on its thread, and stays there`() async throws {
        try await withLoop { loop in
            #expect(!loop.isCurrent)
            let places = await Task(executorPreference: loop) {
                var places = [loop.isCurrent]
                await Task.yield()
                places.append(loop.isCurrent)
                return places
            }.value
            #expect(places == [true, true])
        }
    }

    @Test func `what other threads submit arrives, in order and all of it`() async throws {
        try await withLoop { loop in
            let seen = Mutex<[Int]>([])
            await Suspension<Void>.value { done in
                for number in 0..<10_000 {
                    loop.submit { seen.withLock { $0.append(number) } }
                }
                loop.submit { done.resume(returning: ()) }
            }
            #expect(seen.withLock { $0 } == Array(0..<10_000))
        }
    }

    private final class Counts: Sendable {
        let taken = Atomic(0)
        let run = Atomic(0)
        let ended = Atomic(false)
    }

    @Test func `a loop that ends runs all that it has taken, and takes nothing more`() async throws
    {
        for _ in 0..<100 {
            let loop = try EventLoop()
            let counts = Counts()
            try Thread.start {
                loop.run()
                counts.ended.store(true, ordering: .releasing)
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { loop.stop() }
                group.addTask {
                    // A loop that refuses has ended, or is about to. Not for ever: a loop whose
                    // thread has no turn would gather more and more.
                    for _ in 0..<10_000 {
                        let isTaken = loop.submit { counts.run.add(1, ordering: .relaxed) }
                        guard isTaken else { break }
                        counts.taken.add(1, ordering: .relaxed)
                    }
                }
            }
            while !counts.ended.load(ordering: .acquiring) { await Task.yield() }
            let (taken, run) = (
                counts.taken.load(ordering: .relaxed), counts.run.load(ordering: .relaxed)
            )
            #expect(taken == run)
            #expect(!loop.submit { Issue.record("a loop that has ended runs nothing") })
        }
    }

    @Test func `tasks of many threads meet on the loop`() async throws {
        try await withLoop { loop in
            let sum = await withTaskGroup(of: Int.self) { group in
                for number in 0..<1_000 {
                    group.addTask {
                        await Suspension<Int>.value { waiter in
                            loop.submit { waiter.resume(returning: loop.isCurrent ? number : -1) }
                        }
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(sum == 999 * 1_000 / 2)
        }
    }

    /// A connected pair: a channel on the loop, and the other side, which does what it is told.
    private func channels(on loop: EventLoop) async throws -> (SocketChannel, SocketChannel) {
        let addresses = try SocketAddress.resolve(host: "127.0.0.1", port: 0, numericOnly: true)
        let any = try #require(addresses.first)
        let listening = try Socket.listening(on: any, sharesPort: false, backlog: 16)
        let address = any.with(port: try listening.address().port)
        let client = try Socket.connecting(to: address)
        var server: Socket?
        let deadline = MonotonicTime.now().advanced(byMilliseconds: 30_000)
        while server == nil, MonotonicTime.now() < deadline {
            server = try listening.accept()
            await Task.yield()
        }
        guard let server = server.take() else { throw SystemError(code: 0, call: "accept") }
        return (try SocketChannel(server, on: loop), try SocketChannel(client, on: loop))
    }

    private func soon(_ milliseconds: Int = 30_000) -> MonotonicTime {
        .now().advanced(byMilliseconds: milliseconds)
    }

    @Test func `a channel reads what the other side writes, until its end`() async throws {
        try await withLoop { loop in
            let received = try await Task(executorPreference: loop) {
                let (server, client) = try await channels(on: loop)
                #expect(try client.write(Array("hello".utf8), from: 0) == 5)
                var received: [UInt8] = []
                while received.count < 5 {
                    if try server.read(into: &received) == .nothingYet {
                        #expect(await server.waitUntilReadable(before: soon()) == .ready)
                    }
                }
                client.shutdownWriting()
                while try server.read(into: &received) != .endOfStream {
                    #expect(await server.waitUntilReadable(before: soon()) == .ready)
                }
                server.close()
                client.close()
                return received
            }.value
            #expect(received == Array("hello".utf8))
        }
    }

    @Test func `a wait ends at its deadline, or when it is interrupted`() async throws {
        try await withLoop { loop in
            try await Task(executorPreference: loop) {
                let (server, client) = try await channels(on: loop)
                var bytes: [UInt8] = []
                #expect(try server.read(into: &bytes) == .nothingYet)
                #expect(await server.waitUntilReadable(before: soon(10)) == .timedOut)
                loop.submit { server.interrupt() }
                #expect(await server.waitUntilReadable(before: soon()) == .interrupted)
                server.close()
                client.close()
            }.value
        }
    }

    @Test func `a writer waits for a reader that is slow, and nothing is lost`() async throws {
        try await withLoop { loop in
            let total = 8 * 1024 * 1024
            let received = try await Task(executorPreference: loop) {
                let (server, client) = try await channels(on: loop)
                let writing = Task(executorPreference: loop) {
                    let bytes = (0..<total).map { UInt8(truncatingIfNeeded: $0 / 251) }
                    var position = 0
                    while position < total {
                        let count = try client.write(bytes, from: position)
                        position += count
                        if count == 0 {
                            #expect(await client.waitUntilWritable(before: soon()) == .ready)
                        }
                    }
                    client.shutdownWriting()
                }
                var received: [UInt8] = []
                while true {
                    switch try server.read(into: &received) {
                    case .bytes: await Task.yield()
                    case .nothingYet:
                        #expect(await server.waitUntilReadable(before: soon()) == .ready)
                    case .endOfStream:
                        try await writing.value
                        server.close()
                        client.close()
                        return received
                    }
                }
            }.value
            #expect(received.count == total)
            #expect(
                received.indices.allSatisfy { received[$0] == UInt8(truncatingIfNeeded: $0 / 251) })
        }
    }

    @Test func `an address is resolved, shown and refused`() throws {
        #expect(
            try SocketAddress.resolve(host: "::1", port: 80, numericOnly: true).first?.port == 80)
        #expect(throws: ResolveError.self) {
            try SocketAddress.resolve(host: "localhost", port: 80, numericOnly: true)
        }
        #expect(try !SocketAddress.resolve(host: "localhost", port: 80, numericOnly: false).isEmpty)
    }
}
