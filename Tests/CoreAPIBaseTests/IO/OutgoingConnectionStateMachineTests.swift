import Testing

@testable import CoreAPIBase

@Suite struct OutgoingConnectionStateMachineTests {
    private typealias Machine = OutgoingConnectionStateMachine

    private let start = MonotonicTime(nanoseconds: 1_000_000_000)
    private let refused = SystemError(code: 111, call: "connect")

    private func after(_ milliseconds: Int) -> MonotonicTime {
        start.advanced(byMilliseconds: milliseconds)
    }

    private func machine(usesTLS: Bool = false, isLocated: Bool = false) -> Machine {
        Machine(
            usesTLS: usesTLS, isLocated: isLocated, attemptMilliseconds: 2_000,
            backoff: Backoff(millisecondsMin: 50, millisecondsMax: 1_000), now: start)
    }

    /// Addresses with the ports 1, 2, 3, …
    private func addresses(_ count: UInt16) throws -> [SocketAddress] {
        try (1...count).flatMap {
            try SocketAddress.resolve(host: "127.0.0.1", port: $0, numericOnly: true)
        }
    }

    /// The action as text. A port stands for its address.
    private func words(_ action: Machine.Action) -> String {
        switch action {
        case .none: "none"
        case .locate: "locate"
        case .resolve: "resolve"
        case .connect(let address): "connect \(address.port)"
        case .shakeHands: "shake hands"
        case .open: "open"
        case .fail(let error): "fail \(error)"
        }
    }

    @Test func `a connection that is made anew has no backoff, and a closed one stays closed`()
        throws
    {
        var machine = machine()
        machine.lost(now: start, jitter: 1)
        #expect(machine.deadline > start)
        machine.restarted(now: start)
        #expect(machine.deadline == start)
        #expect(words(machine.deadlineReached(now: start)) == "resolve")
        _ = machine.resolved(.success(try addresses(1)))
        #expect(words(machine.connected()) == "open")
        machine.established()
        machine.restarted(now: after(5))
        #expect(!machine.isOpen)
        #expect(words(machine.deadlineReached(now: after(5))) == "resolve")
        machine.close()
        machine.restarted(now: after(6))
        #expect(machine.deadline == .never)
    }

    @Test func `an attempt resolves, connects and is open`() throws {
        var machine = machine()
        #expect(machine.deadline == start)
        #expect(words(machine.deadlineReached(now: start)) == "resolve")
        #expect(words(machine.resolved(.success(try addresses(1)))) == "connect 1")
        #expect(!machine.isOpen)
        #expect(words(machine.connected()) == "open")
        #expect(machine.isOpen)
        #expect(machine.deadline == after(2_000))
        machine.established()
        #expect(machine.deadline == .never)
    }

    @Test func `each attempt of a located connection asks for the endpoint first`() throws {
        var machine = machine(isLocated: true)
        #expect(words(machine.deadlineReached(now: start)) == "locate")
        #expect(machine.isLocating && !machine.isUnderWay)
        #expect(words(machine.located()) == "resolve")
        #expect(!machine.isLocating && machine.isUnderWay)
        #expect(words(machine.resolved(.success(try addresses(1)))) == "connect 1")
        #expect(words(machine.connected()) == "open")
        machine.lost(now: start, jitter: 0)
        #expect(!machine.isUnderWay)
        #expect(words(machine.deadlineReached(now: machine.deadline)) == "locate")
    }

    @Test func `the question for the endpoint is part of the attempt's time`() {
        var machine = machine(isLocated: true)
        _ = machine.deadlineReached(now: start)
        #expect(machine.deadline == after(2_000))
        #expect(words(machine.deadlineReached(now: after(2_000))) == "fail timedOut")
        machine.lost(now: after(2_000), jitter: 0)
        #expect(words(machine.located()) == "none", "the answer comes too late")
        #expect(machine.deadline == after(2_025))
    }

    @Test func `TLS comes before the connection is open`() throws {
        var machine = machine(usesTLS: true)
        _ = machine.deadlineReached(now: start)
        _ = machine.resolved(.success(try addresses(1)))
        #expect(words(machine.connected()) == "shake hands")
        #expect(machine.isShakingHands && !machine.isOpen)
        #expect(words(machine.handshakeFinished()) == "open")
    }

    @Test func `every address is tried, then the last error is reported`() throws {
        var machine = machine()
        _ = machine.deadlineReached(now: start)
        #expect(words(machine.resolved(.success(try addresses(3)))) == "connect 2")
        #expect(words(machine.connectFailed(refused)) == "connect 3")
        #expect(words(machine.connectFailed(refused)) == "connect 1")
        #expect(words(machine.connectFailed(refused)) == "fail connectFailed(\(refused))")
    }

    @Test func `each attempt begins with another address`() throws {
        var machine = machine()
        var first: [String] = []
        var now = start
        for _ in 1...3 {
            _ = machine.deadlineReached(now: now)
            first.append(words(machine.resolved(.success(try addresses(3)))))
            machine.lost(now: now, jitter: 0)
            now = machine.deadline
        }
        #expect(first == ["connect 2", "connect 3", "connect 1"])
    }

    @Test(arguments: [
        ([0.0], [25, 50, 100, 200, 400, 500, 500]),
        ([1.0], [50, 100, 200, 400, 800, 1_000, 1_000]),
        ([1, 0, 1, 1, 1, 1, 1, 1, 0], [50, 50, 200, 400, 800, 1_000, 1_000, 1_000, 500]),
    ])
    func `the backoff doubles up to its bound, and half of each pause is chance`(
        jitters: [Double], pauses: [Int]
    ) {
        var machine = machine()
        var now = start
        for (index, pause) in pauses.enumerated() {
            _ = machine.deadlineReached(now: now)
            machine.lost(now: now, jitter: jitters[index % jitters.count])
            #expect(machine.deadline == now.advanced(byMilliseconds: pause))
            now = machine.deadline
        }
        machine.succeeded()
        _ = machine.deadlineReached(now: now)
        machine.lost(now: now, jitter: 1)
        #expect(machine.deadline == now.advanced(byMilliseconds: 50))
    }

    @Test func `a login alone does not end the backoff, a success does`() throws {
        var machine = machine()
        var now = start
        for (pause, succeeds) in [
            (50, false), (100, false), (200, true), (50, false), (100, false),
        ] {
            _ = machine.deadlineReached(now: now)
            _ = machine.resolved(.success(try addresses(1)))
            _ = machine.connected()
            machine.established()
            machine.lost(now: now, jitter: 1)
            #expect(machine.deadline == now.advanced(byMilliseconds: pause))
            now = machine.deadline
            if succeeds { machine.succeeded() }
        }
    }

    @Test func `a login that takes too long ends the attempt`() throws {
        var machine = machine()
        _ = machine.deadlineReached(now: start)
        _ = machine.resolved(.success(try addresses(1)))
        _ = machine.connected()
        #expect(words(machine.deadlineReached(now: after(1_999))) == "none")
        #expect(words(machine.deadlineReached(now: after(2_000))) == "fail timedOut")
    }

    @Test func `the deadline of an attempt holds at each of its stages`() throws {
        for stage in 0...3 {
            var machine = machine(usesTLS: true)
            _ = machine.deadlineReached(now: start)
            if stage > 0 { _ = machine.resolved(.success(try addresses(2))) }
            if stage > 1 { _ = machine.connected() }
            if stage > 2 { _ = machine.handshakeFinished() }
            #expect(words(machine.deadlineReached(now: after(1_999))) == "none")
            #expect(words(machine.deadlineReached(now: after(2_000))) == "fail timedOut")
        }
    }

    @Test func `an end during the handshake is one of TLS`() throws {
        var machine = machine(usesTLS: true)
        #expect(machine.explained(.connectionLost) == .connectionLost)
        _ = machine.deadlineReached(now: start)
        _ = machine.resolved(.success(try addresses(1)))
        _ = machine.connected()
        #expect(machine.explained(.connectionLost) == .tlsFailed(.ended))
        #expect(machine.explained(.ended) == .tlsFailed(.ended))
        #expect(machine.explained(.timedOut) == .tlsFailed(.unanswered))
    }

    @Test func `an answer of the resolver that comes too late is ignored`() throws {
        var machine = machine()
        _ = machine.deadlineReached(now: start)
        machine.lost(now: after(2_000), jitter: 0)
        #expect(words(machine.resolved(.success(try addresses(1)))) == "none")
        #expect(words(machine.resolved(.failure(.hostNotFound("h")))) == "none")
    }

    @Test func `a name without addresses fails the attempt`() {
        var machine = machine()
        _ = machine.deadlineReached(now: start)
        #expect(
            words(machine.resolved(.failure(.hostNotFound("h: no"))))
                == "fail hostNotFound(\"h: no\")")
        #expect(words(machine.resolved(.success([]))) == "fail connectionLost")
    }

    @Test func `without being wanted no attempt begins`() {
        var machine = machine()
        machine.isWanted = false
        #expect(machine.deadline == .never)
        #expect(words(machine.deadlineReached(now: after(9_000))) == "none")
        machine.isWanted = true
        #expect(words(machine.deadlineReached(now: after(9_000))) == "resolve")
    }

    @Test func `a closed machine stays closed`() {
        var machine = machine()
        machine.close()
        #expect(machine.deadline == .never)
        machine.lost(now: start, jitter: 0)
        #expect(machine.deadline == .never)
        #expect(words(machine.deadlineReached(now: after(9_000))) == "none")
    }
}
