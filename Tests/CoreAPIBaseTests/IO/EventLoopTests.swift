import Synchronization
import Testing

@testable import CoreAPIBase

/// Tests of the loop on its own thread, with real sockets on the loopback interface.
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

    @Test func `actions that other threads submit run completely and in order`() async throws {
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
                    // A loop that refuses has ended or is about to end. The loop of submissions is
                    // bounded, because a loop whose thread gets no CPU time would gather an
                    // unbounded number.
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
            #expect(!loop.submit { Issue.record("an ended loop ran a submission") })
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

    // MARK: - Handlers

    /// Writes its output and stops; or reads to the end of the stream, one read per turn.
    private final class Peer: EventHandler, @unchecked Sendable {
        private let loop: EventLoop
        private var channel: SocketChannel
        private var output: [UInt8]?
        private var written = 0
        private var received: [UInt8] = []
        private var isClosed = false
        private let ended: @Sendable ([UInt8]) -> Void
        let deadline = MonotonicTime.never

        /// - Parameter output: nil for the reader.
        init(
            _ socket: consuming Socket, on loop: EventLoop, writes output: [UInt8]?,
            ended: @escaping @Sendable ([UInt8]) -> Void = { _ in }
        ) throws {
            self.loop = loop
            self.output = output
            self.ended = ended
            channel = SocketChannel(socket, on: loop)
            try channel.register(self)
            loop.requestTurn(self)
        }

        func ready(_ readiness: SocketReadiness) {
            channel.update(readiness)
            loop.requestTurn(self)
        }

        func proceed() {
            guard !isClosed else { return }
            do { try output == nil ? read() : write() } catch { Issue.record(error) }
        }

        private func read() throws {
            switch try channel.read(into: &received) {
            case .bytes: loop.requestTurn(self)
            case .nothingYet: break
            case .endOfStream:
                close()
                ended(received)
            }
        }

        private func write() throws {
            guard let bytes = output else { return }
            let count = written < bytes.count ? try channel.write(bytes, from: written) : 0
            written += count
            if written == bytes.count { channel.shutdownWriting() }
            if count > 0 { loop.requestTurn(self) }
        }

        func deadlineReached(now: MonotonicTime) {
            Issue.record("deadlineReached() called without a deadline")
        }

        func close() {
            isClosed = true
            channel.close()
        }
    }

    /// Connects two sockets on the loop's thread.
    private static func pair(
        _ body: (consuming Socket, consuming Socket) throws -> Void
    ) throws {
        let addresses = try SocketAddress.resolve(host: "127.0.0.1", port: 0, numericOnly: true)
        let any = try #require(addresses.first)
        let listening = try Socket.listening(on: any, sharesPort: false, backlog: 16)
        let client = try Socket.connecting(to: any.with(port: try listening.address().port))
        var server: Socket?
        let deadline = MonotonicTime.now().advanced(byMilliseconds: 30_000)
        while server == nil, MonotonicTime.now() < deadline { server = try listening.accept() }
        guard let server = server.take() else { throw SystemError(code: 0, call: "accept") }
        try body(server, client)
    }

    @Test(arguments: [0, 5, 8 * 1024 * 1024])
    func `all that one side writes is read by the other, until its end`(count: Int) async throws {
        let sent = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 251) }
        try await withLoop { loop in
            let received: [UInt8] = await withCheckedContinuation { done in
                loop.submit {
                    do {
                        try EventLoopTests.pair { server, client in
                            let writer = try Peer(client, on: loop, writes: sent)
                            _ = try Peer(server, on: loop, writes: nil) { received in
                                writer.close()
                                done.resume(returning: received)
                            }
                        }
                    } catch {
                        Issue.record(error)
                        done.resume(returning: [])
                    }
                }
            }
            #expect(received == sent)
        }
    }

    /// Records the times of its calls.
    private final class Timed: EventHandler, @unchecked Sendable {
        private let loop: EventLoop
        private let called: @Sendable () -> Void
        private(set) var deadline: MonotonicTime
        private var callsLeft = 2

        init(_ loop: EventLoop, _ called: @escaping @Sendable () -> Void) {
            self.loop = loop
            self.called = called
            deadline = loop.now.advanced(byMilliseconds: 10)
            loop.addTimed(self)
            loop.bringForward(deadline)
        }

        func deadlineReached(now: MonotonicTime) {
            #expect(now >= deadline)
            // The first call leaves the deadline in place, so the loop calls the handler again.
            callsLeft -= 1
            guard callsLeft == 0 else { return }
            deadline = .never
            loop.removeTimed(self)
            called()
        }
    }

    @Test func `a handler is called at its deadline, and again until it has another`() async throws
    {
        try await withLoop { loop in
            await Suspension<Void>.value { done in
                loop.submit { _ = Timed(loop) { done.resume(returning: ()) } }
            }
        }
    }

    /// Requests turns and appends its name in each.
    private final class Turns: EventHandler, @unchecked Sendable {
        private let loop: EventLoop
        private let name: String
        private var turnsLeft: Int
        private let took: (String, _ isLast: Bool) -> Void
        let deadline = MonotonicTime.never

        init(
            _ name: String, _ turns: Int, on loop: EventLoop,
            _ took: @escaping (String, Bool) -> Void
        ) {
            self.name = name
            self.loop = loop
            turnsLeft = turns
            self.took = took
            loop.requestTurn(self)
        }

        func proceed() {
            turnsLeft -= 1
            took(name, turnsLeft == 0)
            if turnsLeft > 0 { loop.requestTurn(self) }
        }

        func deadlineReached(now: MonotonicTime) {
            Issue.record("deadlineReached() called without a deadline")
        }
    }

    @Test func `handlers that request turns are called one after another`() async throws {
        try await withLoop { loop in
            let order = Mutex<[String]>([])
            await Suspension<Void>.value { done in
                loop.submit {
                    _ = Turns("a", 3, on: loop) { name, _ in order.withLock { $0.append(name) } }
                    _ = Turns("b", 4, on: loop) { name, isLast in
                        order.withLock { $0.append(name) }
                        if isLast { done.resume(returning: ()) }
                    }
                }
            }
            #expect(order.withLock { $0 } == ["a", "b", "a", "b", "a", "b", "b"])
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
