import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Sessions of partitions over one connection, as a transcript. A command of partition 2 is shown
/// behind `2/`.
@Suite struct PartitionedProducerMachineTests: ProducerTranscript {
    private typealias Machine = PartitionedProducerMachine<Int>

    private var partitions: ProducerPartitions {
        let script = script
        return ProducerPartitions(count: 4) { partition in
            ProducerCall(
                script: script, sessionKey: Array("\(partition)".utf8),
                queueKeys: [Array("queue".utf8)], queueWords: [], wordsPerMessage: 2)
        }
    }

    private func machine(
        limits: ProducerLimits = ProducerLimits(), barrier: RedisBarrier? = nil,
        isNode: Bool = false
    ) throws -> Machine {
        Machine(
            url: try RedisURL("redis://h"), partitions, limits: limits,
            replyTimeoutMilliseconds: 2_000, barrier: barrier, isNode: isNode, now: start)
    }

    @discardableResult private func submit(
        _ waiter: Int, to partition: Int, _ machine: inout Machine
    ) -> RedisSubmitAction {
        machine.submit(
            waiter, partition: partition, now: start, isKeyed: false, keys: { _ in 0 },
            words: { addWords(waiter, nil, &$0) })
    }

    /// What a flush sends; `taking` bytes of each attempt, the rest later.
    private func sent(_ machine: inout Machine, at now: MonotonicTime? = nil) -> [String] {
        var bytes: [UInt8] = []
        do {
            _ = try machine.flush(now: now ?? start) { output, position throws(SystemError) in
                bytes += output[position...]
                return output.count - position
            }
        } catch { return ["\(error)"] }
        return texts(ofPartitions: bytes)
    }

    private func texts(ofPartitions bytes: [UInt8]) -> [String] {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        // The session's key follows the number of keys.
        let keys = words.indices.filter { words[$0] == "EVALSHA" }.map { words[$0 + 6] }
        var rest = keys[...]
        return texts(of: bytes).map { text in
            text == "WAIT" ? text : "\(rest.popFirst() ?? "")/\(text)"
        }
    }

    private func reply(_ reply: RedisReply, _ machine: inout Machine) -> String {
        switch machine.received(reply, now: start) {
        case .none: "none"
        case .flush: "flush"
        case .ready(let resolutions): (["ready"] + words(resolutions)).joined(separator: ", ")
        case .resolve(let resolution): words([resolution]).joined()
        case .resolveAll(let resolutions): words(resolutions).joined(separator: ", ")
        case .fail(let error): "fail \(error)"
        }
    }

    private func words(_ resolutions: [Machine.Resolution]) -> [String] {
        resolutions.map { resolution in
            switch resolution.result {
            case .success: "\(resolution.waiter) applied"
            case .failure(.notExecuted): "\(resolution.waiter) not executed"
            case .failure(.mayBeExecuted): "\(resolution.waiter) may be executed"
            }
        }
    }

    private func logIn(_ machine: inout Machine) {
        _ = machine.connected(now: start)
        for script in partitions.call(0).scripts { _ = reply(text(script.digest), &machine) }
    }

    /// The machine after the login, with the session of partition 0 at its first fence.
    private func open(
        limits: ProducerLimits = ProducerLimits(), barrier: RedisBarrier? = nil
    ) throws -> Machine {
        var machine = try machine(limits: limits, barrier: barrier)
        logIn(&machine)
        #expect(sent(&machine) == ["0/open"])
        #expect(reply(opened(-1), &machine) == "flush")
        #expect(sent(&machine) == ["0/fence -1 1"])
        #expect(reply(.integer(1), &machine) == "ready")
        #expect(machine.isReady)
        #expect(sent(&machine) == [])
        return machine
    }

    // MARK: - The login

    @Test func `a session of a partition is opened by its first message`() throws {
        var machine = try open()
        #expect(submit(1, to: 2, &machine) == .flush)
        #expect(sent(&machine) == ["2/open"])
        #expect(reply(opened(-1), &machine) == "flush")
        #expect(sent(&machine) == ["2/fence -1 1"])
        #expect(submit(2, to: 2, &machine) == .flush)
        #expect(sent(&machine) == [])
        #expect(reply(.integer(1), &machine) == "")
        #expect(sent(&machine) == ["2/2: m1 m2"])
        #expect(reply(.integer(3), &machine) == "1 applied, 2 applied")
        #expect(machine.isIdle)
    }

    @Test func `a session that is being opened holds up no other`() throws {
        var machine = try open()
        submit(1, to: 3, &machine)
        submit(2, to: 0, &machine)
        #expect(sent(&machine) == ["3/open", "0/2: m2"])
        #expect(reply(opened(-1), &machine) == "flush")
        #expect(reply(.integer(2), &machine) == "2 applied")
        submit(3, to: 0, &machine)
        #expect(sent(&machine) == ["3/fence -1 1", "0/3: m3"])
        #expect(reply(.integer(1), &machine) == "")
        #expect(sent(&machine) == ["3/2: m1"])
        #expect(reply(.integer(3), &machine) == "3 applied")
        #expect(reply(.integer(2), &machine) == "1 applied")
    }

    @Test func `messages before the login open the sessions of their partitions`() throws {
        var machine = try machine()
        for (waiter, partition) in [(1, 3), (2, 1)] {
            #expect(submit(waiter, to: partition, &machine) == .wait)
        }
        logIn(&machine)
        #expect(sent(&machine) == ["3/open", "1/open"])
        #expect(reply(opened(-1), &machine) == "flush")
        #expect(reply(opened(-1), &machine) == "flush")
        #expect(sent(&machine) == ["3/fence -1 1", "1/fence -1 1"])
        #expect(reply(.integer(1), &machine) == "ready")
        #expect(sent(&machine) == ["3/2: m1"])
        #expect(reply(.integer(1), &machine) == "")
        #expect(sent(&machine) == ["1/2: m2"])
    }

    @Test func `a step of the login that differs ends the connection, and every wait`() throws {
        let step = RedisLoginStep(
            script: script, command: RedisCommand(calling: script), reply: .integer(4)
        ) { _ in .partitionCountDiffers(inRedis: 2) }
        let call = { @Sendable (partition: Int) in
            var call = partitions.call(partition)
            call.loginStep = step
            return call
        }
        var machine = Machine(
            url: try RedisURL("redis://h"), ProducerPartitions(count: 4, call: call),
            limits: ProducerLimits(), replyTimeoutMilliseconds: 2_000, barrier: nil, now: start)
        submit(1, to: 1, &machine)
        _ = machine.connected(now: start)
        for script in call(0).scripts + [script] { _ = reply(text(script.digest), &machine) }
        #expect(reply(.integer(2), &machine) == "fail partitionCountDiffers(inRedis: 2)")
        let error = RedisError.partitionCountDiffers(inRedis: 2)
        #expect(words(machine.lost(error, now: start)) == ["1 not executed"])
        #expect(machine.isWanted)
    }

    // MARK: - Replies

    @Test func `batches of a turn leave together, and replies belong to them in order`() throws {
        var machine = try open()
        submit(0, to: 1, &machine)
        _ = sent(&machine)
        _ = reply(opened(-1), &machine)
        _ = sent(&machine)
        _ = reply(.integer(1), &machine)
        #expect(sent(&machine) == ["1/2: m0"])
        _ = reply(.integer(2), &machine)
        for (waiter, partition) in [(1, 1), (2, 0), (3, 1)] {
            submit(waiter, to: partition, &machine)
        }
        #expect(sent(&machine) == ["1/3: m1 m3", "0/2: m2"])
        #expect(reply(.integer(4), &machine) == "1 applied, 3 applied")
        #expect(reply(.integer(2), &machine) == "2 applied")
        #expect(reply(.integer(2), &machine) == "fail protocolViolation")
    }

    @Test func `bytes that the kernel does not take stay in their order`() throws {
        var machine = try open()
        submit(1, to: 0, &machine)
        submit(2, to: 1, &machine)
        var bytes: [UInt8] = []
        var room = 10
        let take = { (output: [UInt8], position: Int) throws(SystemError) -> Int? in
            guard room > 0 else { return nil }
            let count = min(room, output.count - position)
            bytes += output[position..<position + count]
            room -= count
            return count
        }
        _ = try machine.flush(now: start, take)
        submit(3, to: 0, &machine)
        room = .max
        _ = try machine.flush(now: start, take)
        #expect(texts(ofPartitions: bytes) == ["0/2: m1", "1/open", "0/3: m3"])
    }

    @Test func `one barrier follows the batches of all partitions`() throws {
        var machine = try open(barrier: .replicas(1))
        submit(1, to: 0, &machine)
        submit(2, to: 1, &machine)
        #expect(sent(&machine) == ["0/2: m1", "1/open", "WAIT"])
        #expect(reply(.integer(2), &machine) == "none")
        #expect(reply(opened(-1), &machine) == "flush")
        #expect(sent(&machine) == ["1/fence -1 1"])
        #expect(reply(.integer(1), &machine) == "1 applied")
        #expect(reply(.integer(1), &machine) == "")
        submit(3, to: 0, &machine)
        #expect(sent(&machine) == ["1/2: m2", "0/3: m3", "WAIT"])
        submit(4, to: 0, &machine)
        // One barrier is under way at a time.
        #expect(sent(&machine) == ["0/4: m4"])
        #expect(reply(.integer(2), &machine) == "none")
        #expect(reply(.integer(3), &machine) == "none")
        #expect(reply(.integer(1), &machine) == "2 applied, 3 applied")
        #expect(sent(&machine) == ["WAIT"])
        #expect(reply(.integer(4), &machine) == "none")
        #expect(reply(.integer(1), &machine) == "4 applied")
        #expect(machine.isIdle)
    }

    @Test func `a barrier that is not reached is sent again`() throws {
        var machine = try open(barrier: .replicas(1))
        submit(1, to: 0, &machine)
        #expect(sent(&machine) == ["0/2: m1", "WAIT"])
        _ = reply(.integer(2), &machine)
        #expect(reply(.integer(0), &machine) == "")
        #expect(sent(&machine) == ["WAIT"])
        #expect(reply(.integer(1), &machine) == "1 applied")
    }

    // MARK: - Ends

    @Test func `after a lost connection each session settles its own messages`() throws {
        var machine = try open()
        submit(1, to: 1, &machine)
        _ = sent(&machine)
        _ = reply(opened(-1), &machine)
        _ = sent(&machine)
        _ = reply(.integer(1), &machine)
        submit(2, to: 0, &machine)
        #expect(sent(&machine) == ["1/2: m1", "0/2: m2"])
        #expect(words(machine.lost(.connectionLost, now: start)) == [])
        #expect(!machine.isReady && !machine.isIdle)
        logIn(&machine)
        #expect(sent(&machine) == ["0/open", "1/open"])
        // Redis has applied the message of partition 1 alone.
        #expect(reply(opened(1), &machine) == "flush")
        #expect(reply(opened(2), &machine) == "flush")
        #expect(sent(&machine) == ["0/fence 1 3", "1/fence 2 3"])
        #expect(reply(.integer(3), &machine) == "ready")
        #expect(reply(.integer(3), &machine) == "1 applied")
        #expect(sent(&machine) == ["0/4: m2"])
        #expect(reply(.integer(4), &machine) == "2 applied")
        #expect(machine.isIdle)
    }

    @Test func `a session that Redis refuses to open fails alone`() throws {
        var machine = try open()
        submit(1, to: 1, &machine)
        submit(2, to: 0, &machine)
        #expect(sent(&machine) == ["1/open", "0/2: m2"])
        #expect(reply(error("WRONGTYPE key"), &machine) == "1 not executed")
        #expect(reply(.integer(2), &machine) == "2 applied")
        #expect(machine.isReady && machine.isIdle)
        // Its next message tries again.
        submit(3, to: 1, &machine)
        #expect(sent(&machine) == ["1/open"])
    }

    @Test func `where no session can be opened, the connection ends`() throws {
        var machine = try machine()
        logIn(&machine)
        _ = sent(&machine)
        #expect(reply(error("NOPERM x"), &machine).hasPrefix("fail server"))
        submit(1, to: 1, &machine)
        #expect(
            words(machine.lost(.server(RedisServerError(message: "NOPERM x")), now: start))
                == ["1 not executed"])
    }

    @Test func `an error that passes ends the connection`() throws {
        var machine = try open()
        submit(1, to: 1, &machine)
        _ = sent(&machine)
        #expect(reply(error("LOADING x"), &machine).hasPrefix("fail server"))
    }

    @Test func `what each partition has confirmed and lost is reported`() throws {
        var machine = try open()
        submit(1, to: 0, &machine)
        submit(2, to: 1, &machine)
        _ = sent(&machine)
        _ = reply(.integer(2), &machine)
        _ = reply(opened(-1), &machine)
        _ = sent(&machine)
        _ = reply(.integer(1), &machine)
        _ = sent(&machine)
        #expect(reply(.integer(2), &machine) == "2 applied")
        _ = machine.lost(.connectionLost, now: start)
        logIn(&machine)
        _ = sent(&machine)
        for _ in 0...1 { _ = reply(opened(-1, "B"), &machine) }
        #expect(sent(&machine) == ["0/fence -1 3", "1/fence -1 3"])
        #expect(reply(.integer(3), &machine) == "ready")
        #expect(reply(.integer(3), &machine) == "")
        #expect(sent(&machine) == ["0/4: m1", "1/4: m2"])
        var replayed: [[String]] = []
        while machine.hasLosses { replayed.append(machine.takeLosses().lost?.replayed ?? []) }
        #expect(replayed == [["m1"], ["m2"]])
    }

    @Test func `waits end at their deadlines in every partition`() throws {
        var machine = try machine()
        submit(1, to: 0, &machine)
        submit(2, to: 3, &machine)
        #expect(machine.deadline == after(5_000))
        #expect(machine.deadlineReached(now: after(4_999)).resolutions.isEmpty)
        let (resolutions, stalls) = machine.deadlineReached(now: after(5_000))
        #expect(words(resolutions) == ["1 not executed", "2 not executed"])
        #expect(!stalls && machine.isIdle && machine.deadline == .never)
    }

    @Test func `a connection without a reply stalls`() throws {
        var machine = try open()
        submit(1, to: 0, &machine)
        _ = sent(&machine, at: after(1_000))
        #expect(machine.deadline == after(3_000))
        #expect(!machine.deadlineReached(now: after(2_999)).stalls)
        #expect(machine.deadlineReached(now: after(3_000)).stalls)
    }

    @Test func `the limits hold for all partitions together`() throws {
        var limits = ProducerLimits()
        limits.pendingMax = 2
        var machine = try machine(limits: limits)
        for partition in 0...1 { #expect(submit(1, to: partition, &machine) == .wait) }
        #expect(submit(3, to: 2, &machine) == .reject(.notExecuted(.backlogFull)))
        limits.historyBytesMax = 1_000
        #expect(try self.machine(limits: limits).limits.historyBytesMax == 250)
    }

    @Test func `a closed machine ends every wait and takes nothing`() throws {
        var machine = try open()
        submit(1, to: 0, &machine)
        submit(2, to: 1, &machine)
        _ = sent(&machine)
        #expect(words(machine.close()) == ["1 may be executed", "2 not executed"])
        #expect(machine.close().isEmpty)
        #expect(submit(3, to: 0, &machine) == .reject(.notExecuted(.closed)))
        #expect(!machine.isWanted && machine.deadline == .never)
    }

    // MARK: - A node of a cluster

    /// A node that has the sessions of two partitions, open.
    private func node(barrier: RedisBarrier? = nil) throws -> Machine {
        var machine = try machine(barrier: barrier, isNode: true)
        _ = machine.connected(now: start)
        for script in partitions.call(0).scripts.dropLast() {
            _ = reply(text(script.digest), &machine)
        }
        #expect(reply(text(ProducerScripts.fence.digest), &machine) == "ready")
        #expect(machine.isReady && sent(&machine) == [])
        for partition in 0...1 {
            submit(90 + partition, to: partition, &machine)
            #expect(sent(&machine) == ["\(partition)/open"])
            _ = reply(opened(-1), &machine)
            _ = sent(&machine)
            _ = reply(.integer(1), &machine)
            _ = sent(&machine)
            _ = reply(.integer(2), &machine)
            guard barrier != nil else { continue }
            _ = reply(.integer(1), &machine)
            _ = sent(&machine)
        }
        #expect(machine.isIdle)
        return machine
    }

    private func detach(
        _ partition: Int, _ machine: inout Machine
    ) throws -> ProducerSession<Int> {
        let departure = machine.detach(partition, now: start)
        let (session, resolutions) = try #require(departure)
        #expect(resolutions.isEmpty)
        return session
    }

    @Test(arguments: ["MOVED 1 h:1", "ASK 1 h:1", "TRYAGAIN x", "CLUSTERDOWN x"])
    func `a redirection holds its session, whose later replies are ignored`(message: String) throws
    {
        var machine = try node()
        submit(1, to: 0, &machine)
        #expect(sent(&machine) == ["0/3: m1"])
        submit(2, to: 0, &machine)
        submit(3, to: 1, &machine)
        #expect(sent(&machine) == ["0/4: m2", "1/3: m3"])
        #expect(reply(error(message), &machine) == "")
        let expected = Machine.Redirection(
            partition: 0, error: RedisServerError(message: message))
        #expect(machine.takeRedirections() == [expected])
        #expect(machine.takeRedirections().isEmpty)
        submit(4, to: 0, &machine)
        #expect(sent(&machine) == [])
        #expect(reply(error("SESSION gap"), &machine) == "none")
        #expect(reply(.integer(3), &machine) == "3 applied")
        machine.resume(0)
        #expect(sent(&machine) == ["0/open"])
        #expect(reply(opened(2), &machine) == "flush")
        #expect(sent(&machine) == ["0/fence 2 5"])
        #expect(reply(.integer(5), &machine) == "")
        #expect(sent(&machine) == ["0/6: m1", "0/7: m2", "0/8: m4"])
    }

    @Test func `a session moves to another node, which knows what was applied`() throws {
        var (old, new) = (try node(), try machine(isNode: true))
        submit(1, to: 0, &old)
        #expect(sent(&old) == ["0/3: m1"])
        submit(2, to: 0, &old)
        submit(3, to: 1, &old)
        #expect(sent(&old) == ["0/4: m2", "1/3: m3"])
        let moved = try detach(0, &old)
        let again = old.detach(0, now: start)
        #expect(again == nil)
        new.attach(moved, partition: 0)
        #expect(!new.isIdle && new.deadline == after(5_000))
        // The first node has applied both, and its replies belong to nobody.
        #expect(reply(.integer(3), &old) == "none")
        #expect(reply(.integer(4), &old) == "none")
        #expect(reply(.integer(3), &old) == "3 applied")
        #expect(old.isIdle)
        _ = new.connected(now: start)
        for script in partitions.call(0).scripts { _ = reply(text(script.digest), &new) }
        #expect(sent(&new) == ["0/open"])
        #expect(reply(opened(3, "B"), &new) == "flush")
        #expect(sent(&new) == ["0/fence 3 5"])
        #expect(reply(.integer(5), &new) == "1 applied")
        #expect(sent(&new) == ["0/6: m2"])
        #expect(reply(.integer(6), &new) == "2 applied")
        #expect(new.isIdle)
        // The partition may come back.
        old.attach(try detach(0, &new), partition: 0)
        #expect(sent(&old) == ["0/open"])
    }

    @Test func `a barrier goes on for the sessions that stay`() throws {
        var machine = try node(barrier: .replicas(1))
        submit(1, to: 0, &machine)
        submit(2, to: 1, &machine)
        #expect(sent(&machine) == ["0/3: m1", "1/3: m2", "WAIT"])
        _ = try detach(0, &machine)
        #expect(reply(.integer(3), &machine) == "none")
        #expect(reply(.integer(3), &machine) == "none")
        #expect(reply(.integer(1), &machine) == "2 applied")
        #expect(machine.isIdle)
    }

    @Test func `without a cluster an error of one is as any other`() throws {
        var machine = try open()
        submit(1, to: 0, &machine)
        _ = sent(&machine)
        #expect(reply(error("MOVED 1 h:1"), &machine) == "1 not executed")
        #expect(machine.takeRedirections().isEmpty)
    }
}
