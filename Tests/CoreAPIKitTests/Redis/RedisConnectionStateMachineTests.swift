import CoreAPIKit
import Testing

/// The connection's life as a transcript. Commands are named by numbers.
@Suite struct RedisConnectionStateMachineTests {
    private typealias Machine = RedisConnectionStateMachine<Int>

    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func after(_ milliseconds: Int) -> MonotonicTime {
        start.advanced(byMilliseconds: milliseconds)
    }

    private func machine(_ url: String = "redis://h", limits: RedisLimits = RedisLimits()) throws
        -> Machine
    {
        Machine(url: try RedisURL(url), limits: limits, now: start)
    }

    private func ready(limits: RedisLimits = RedisLimits()) throws -> Machine {
        var machine = try machine(limits: limits)
        machine.connectStarted(now: start)
        _ = machine.connected()
        return machine
    }

    private func command(_ number: Int, replies: Int = 1) -> RedisCommand {
        var command = RedisCommand()
        for _ in 0..<replies { command.add("ECHO", "\(number)") }
        return command
    }

    private func submit(
        _ number: Int, _ machine: inout Machine, replies: Int = 1, at now: MonotonicTime? = nil
    ) -> String {
        switch machine.submitted(command(number, replies: replies), number, now: now ?? start) {
        case .flush: "flush"
        case .wait: "wait"
        case .reject(let failure): "reject \(failure)"
        }
    }

    /// Sends what the machine has to send, up to so many bytes; returns the numbers of the commands
    /// whose bytes are wholly among them.
    private func send(_ machine: inout Machine, upTo limit: Int = .max) throws -> String {
        var sent: [UInt8] = []
        try machine.flush { bytes, position throws(SystemError) in
            let count = min(bytes.count - position, limit - sent.count)
            sent += bytes[position..<(position + count)]
            return count == 0 ? nil : count
        }
        return String(decoding: sent, as: UTF8.self)
    }

    private func reply(_ reply: RedisReply, _ machine: inout Machine) -> String {
        switch machine.received(reply) {
        case .none: "none"
        case .flush: "flush"
        case .resolve(let resolution): words([resolution])
        case .fail(let error): "fail \(error)"
        }
    }

    private func words(_ resolutions: [Machine.Resolution]) -> String {
        resolutions.map { resolution in
            switch resolution.result {
            case .success: "\(resolution.waiter) done"
            case .failure(.notExecuted(let error)): "\(resolution.waiter) not executed: \(error)"
            case .failure(.mayBeExecuted(let error)):
                "\(resolution.waiter) may be executed: \(error)"
            }
        }.joined(separator: ", ")
    }

    private let echo = { (number: Int) in "*2\r\n$4\r\nECHO\r\n$1\r\n\(number)\r\n" }
    private let ok = RedisReply.status(Array("OK".utf8))

    // MARK: - Connecting

    @Test func `without password and database the connection is ready at once`() throws {
        var machine = try machine()
        #expect(machine.deadline == start)
        machine.connectStarted(now: start)
        #expect(machine.deadline == after(2_000))
        #expect(machine.connected().isEmpty)
        #expect(machine.isReady)
        #expect(machine.deadline == .never)
    }

    @Test(arguments: [
        ("redis://:p@h/3", "*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n", 2),
        ("redis://u:p@h", "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n", 1),
        ("redis://h/15", "*2\r\n$6\r\nSELECT\r\n$2\r\n15\r\n", 1),
    ])
    func `AUTH and SELECT come before every command`(url: String, login: String, replies: Int)
        throws
    {
        var machine = try machine(url)
        #expect(submit(1, &machine) == "wait")
        machine.connectStarted(now: start)
        #expect(String(decoding: machine.connected(), as: UTF8.self) == login)
        #expect(!machine.isReady)
        #expect(try send(&machine) == "")
        for _ in 1..<replies { #expect(reply(ok, &machine) == "none") }
        #expect(reply(ok, &machine) == "flush")
        #expect(try send(&machine) == echo(1))
    }

    @Test func `a refused login fails those who wait, at once, and is tried again`() throws {
        var machine = try machine("redis://:wrong@h")
        _ = submit(1, &machine)
        machine.connectStarted(now: start)
        _ = machine.connected()
        let refused = RedisServerError(message: "WRONGPASS no")
        #expect(reply(.error(refused), &machine) == "fail refused(WRONGPASS no)")
        #expect(
            words(machine.lost(.refused(refused), now: start, jitter: 1))
                == "1 not executed: refused(WRONGPASS no)")
        #expect(machine.deadline == after(50))
    }

    @Test func `an error that repeats the password is told without its text`() throws {
        var machine = try machine("redis://:hunter2@h")
        machine.connectStarted(now: start)
        _ = machine.connected()
        let error = RedisServerError(message: "ERR unknown command 'AUTH', with args 'hunter2'")
        #expect(reply(.error(error), &machine) == "fail refused(ERR)")
    }

    @Test func `pauses double up to a second, and half of each is chance`() throws {
        var machine = try machine()
        var pauses: [Int] = []
        for jitter in [1.0, 0, 1, 1, 1, 1, 1, 1, 0] {
            machine.connectStarted(now: start)
            _ = machine.lost(.timedOut, now: start, jitter: jitter)
            pauses.append(machine.deadline.milliseconds(since: start))
        }
        #expect(pauses == [50, 50, 200, 400, 800, 1_000, 1_000, 1_000, 500])
        machine.connectStarted(now: start)
        _ = machine.connected()
        _ = machine.lost(.connectionLost, now: start, jitter: 1)
        #expect(machine.deadline == after(50), "a connection that was made begins anew")
    }

    @Test func `an attempt has its time`() throws {
        for url in ["redis://h", "redis://:p@h"] {
            var machine = try machine(url)
            machine.connectStarted(now: start)
            if url.contains("@") { _ = machine.connected() }
            guard case (_, .none) = machine.deadlineReached(now: after(1_999)),
                case (_, .fail(.timedOut)) = machine.deadlineReached(now: after(2_000))
            else {
                Issue.record("the attempt goes on")
                continue
            }
        }
    }

    // MARK: - Commands

    @Test func `commands of one turn leave in one write, and are answered in order`() throws {
        var machine = try ready()
        #expect(submit(1, &machine) == "flush")
        #expect(submit(2, &machine) == "flush")
        #expect(submit(3, &machine) == "flush")
        #expect(try send(&machine) == echo(1) + echo(2) + echo(3))
        #expect(try send(&machine) == "")
        #expect(reply(.integer(1), &machine) == "1 done")
        #expect(reply(.null, &machine) == "2 done")
        #expect(reply(ok, &machine) == "3 done")
    }

    @Test func `a command of several parts is done with its last reply`() throws {
        var machine = try ready()
        _ = submit(1, &machine, replies: 3)
        _ = submit(2, &machine)
        _ = try send(&machine)
        #expect(reply(ok, &machine) == "none")
        #expect(reply(ok, &machine) == "none")
        #expect(reply(.array([.integer(1)]), &machine) == "1 done")
        #expect(reply(ok, &machine) == "2 done")
    }

    @Test func `the first error of several replies is the one that is told`() throws {
        var machine = try ready()
        _ = submit(1, &machine, replies: 3)
        _ = try send(&machine)
        #expect(reply(ok, &machine) == "none")
        #expect(reply(.error(RedisServerError(message: "OOM x")), &machine) == "none")
        #expect(
            reply(.error(RedisServerError(message: "EXECABORT y")), &machine)
                == "1 not executed: server(OOM x)")
    }

    @Test func `a reply that nobody waits for ends the connection`() throws {
        var machine = try ready()
        #expect(reply(ok, &machine) == "fail protocolViolation")
        _ = submit(1, &machine)
        #expect(reply(ok, &machine) == "fail protocolViolation", "the command has not been sent")
    }

    @Test func `so many commands may wait, and so many bytes`() throws {
        var limits = RedisLimits()
        limits.pendingMax = 2
        var few = try machine(limits: limits)
        #expect(submit(1, &few) == "wait")
        #expect(submit(2, &few) == "wait")
        #expect(submit(3, &few) == "reject notExecuted(CoreAPIKit.RedisError.backlogFull)")
        limits.pendingMax = 100
        limits.backlogBytesMax = echo(1).utf8.count * 3
        var short = try machine(limits: limits)
        for number in 1...3 { #expect(submit(number, &short) == "wait") }
        #expect(submit(4, &short) == "reject notExecuted(CoreAPIKit.RedisError.backlogFull)")
    }

    // MARK: - A connection that breaks

    @Test func `what was sent may be executed, what was not is sent over the next connection`()
        throws
    {
        var machine = try ready()
        _ = submit(1, &machine)
        _ = submit(2, &machine)
        _ = try send(&machine)
        _ = submit(3, &machine)
        #expect(
            words(machine.lost(.connectionLost, now: start, jitter: 0))
                == "1 may be executed: connectionLost, 2 may be executed: connectionLost")
        #expect(submit(4, &machine) == "wait")
        machine.connectStarted(now: after(50))
        _ = machine.connected()
        #expect(try send(&machine) == echo(3) + echo(4))
        #expect(reply(ok, &machine) == "3 done")
        #expect(reply(ok, &machine) == "4 done")
    }

    @Test func `a part of a command is no command: it is sent again as a whole`() throws {
        let length = echo(1).utf8.count
        for partial in 0...(3 * length) {
            var machine = try ready()
            for number in 1...3 { _ = submit(number, &machine) }
            _ = try send(&machine, upTo: partial)
            let whole = partial / length
            let lost = words(machine.lost(.connectionLost, now: start, jitter: 0))
            #expect(
                lost
                    == (1...3).prefix(whole).map { "\($0) may be executed: connectionLost" }.joined(
                        separator: ", "))
            machine.connectStarted(now: after(50))
            _ = machine.connected()
            #expect(try send(&machine) == (1...3).dropFirst(whole).map(echo).joined())
        }
    }

    @Test func `what was answered before the connection broke is never sent again`() throws {
        var machine = try ready()
        _ = submit(1, &machine)
        _ = submit(2, &machine)
        _ = try send(&machine, upTo: echo(1).utf8.count + 5)
        #expect(reply(ok, &machine) == "1 done")
        #expect(words(machine.lost(.connectionLost, now: start, jitter: 0)) == "")
        machine.connectStarted(now: after(50))
        _ = machine.connected()
        #expect(try send(&machine) == echo(2))
    }

    // MARK: - Deadlines

    @Test func `without a connection a command waits for its time, and was not executed`() throws {
        var machine = try machine()
        _ = submit(1, &machine, at: start)
        _ = submit(2, &machine, at: after(1_000))
        machine.connectStarted(now: start)
        let refused = RedisError.connectFailed(SystemError(code: 111, call: "connect"))
        #expect(words(machine.lost(refused, now: after(10), jitter: 1)) == "")
        #expect(words(machine.deadlineReached(now: after(4_999)).resolutions) == "")
        #expect(
            words(machine.deadlineReached(now: after(5_000)).resolutions)
                == "1 not executed: connectFailed(connect: Connection refused)")
        machine.connectStarted(now: after(5_500))
        _ = machine.connected()
        #expect(try send(&machine) == echo(2))
    }

    @Test func `a Redis that does not answer in time loses its connection`() throws {
        var machine = try ready()
        _ = submit(1, &machine, at: start)
        _ = submit(2, &machine, at: after(3_000))
        _ = try send(&machine)
        #expect(machine.deadline == after(5_000))
        guard
            case ([], .none) = (
                machine.deadlineReached(now: after(4_999)).resolutions.map(\.waiter),
                machine.deadlineReached(now: after(4_999)).action
            ),
            case .fail(.timedOut) = machine.deadlineReached(now: after(5_000)).action
        else {
            Issue.record("the connection goes on")
            return
        }
        #expect(
            words(machine.lost(.timedOut, now: after(5_000), jitter: 0))
                == "1 may be executed: timedOut, 2 may be executed: timedOut")
    }

    // MARK: - The end

    @Test func `closing tells everybody, and refuses what comes later`() throws {
        var machine = try ready()
        _ = submit(1, &machine)
        _ = try send(&machine)
        _ = submit(2, &machine)
        #expect(words(machine.close()) == "1 may be executed: closed, 2 not executed: closed")
        #expect(submit(3, &machine) == "reject notExecuted(CoreAPIKit.RedisError.closed)")
        #expect(machine.deadline == .never)
        #expect(words(machine.close()) == "")
    }
}
