import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Sessions of partitions over one connection, as a transcript.
@Suite struct PartitionedProducerMachineTests: PartitionedProducerTranscript {
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
            script: script, command: RedisCommand(calling: script), key: "k",
            reply: .integer(4)
        ) { _ in .partitionCountDiffers(inRedis: 2) }
        let call = { @Sendable (partition: Int) in
            var call = partitions.call(partition)
            call.loginStep = step
            return call
        }
        var machine = Machine(
            url: try RedisURL("redis://h"),
            ProducerPartitions(count: 4, call: call, slot: partitions.slot),
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

    @Test func `messages gather while their partition waits for a reply`() throws {
        var limits = ProducerLimits().forPartitions(4)
        limits.batchMax = 3
        var machine = try open(limits: limits)
        submit(1, to: 0, &machine)
        submit(2, to: 1, &machine)
        #expect(sent(&machine) == ["0/2: m1", "1/open"])
        submit(3, to: 0, &machine)
        #expect(sent(&machine) == [])
        // A full batch does not wait.
        for waiter in 4...6 { submit(waiter, to: 0, &machine) }
        #expect(sent(&machine) == ["0/3: m3 m4 m5"])
        #expect(reply(.integer(2), &machine) == "1 applied")
        #expect(sent(&machine) == [])
        #expect(reply(opened(-1), &machine) == "flush")
        #expect(sent(&machine) == ["1/fence -1 1"])
        #expect(reply(.integer(5), &machine) == "3 applied, 4 applied, 5 applied")
        #expect(sent(&machine) == ["0/6: m6"])
    }

    @Test func `one partition does not wait for its replies`() throws {
        var machine = try open(limits: ProducerLimits().forPartitions(1))
        for waiter in 1...3 {
            submit(waiter, to: 0, &machine)
            #expect(sent(&machine) == ["0/\(waiter + 1): m\(waiter)"])
        }
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
}
