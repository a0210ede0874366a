import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

@Suite struct SentinelStateMachineTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func after(_ milliseconds: Int) -> MonotonicTime {
        start.advanced(byMilliseconds: milliseconds)
    }

    private func machine(_ hosts: String = "s1,s2,s3") throws -> SentinelStateMachine {
        let url = try RedisURL("redis-sentinel://\(hosts)?master=m")
        return SentinelStateMachine(try #require(url.place.sentinels))
    }

    private func server(_ host: String) -> RedisAddress { RedisAddress(host: host, port: 1) }

    private func sentinel(_ host: String) -> RedisAddress {
        RedisAddress(host: host, port: RedisSentinels.defaultPort)
    }

    /// The action as text. A host stands for an address.
    private func words(_ action: SentinelStateMachine.Action) -> String {
        switch action {
        case .none: "none"
        case .ask(let address): "ask \(address.host)"
        case .conclude(.success(let address), leaving: nil): "master \(address.host)"
        case .conclude(.success(let address), leaving: let old?):
            "master \(address.host), leave \(old.host)"
        case .conclude(.failure(let error), _): "fail \(error)"
        }
    }

    private func answer(
        _ answer: SentinelAnswer, _ machine: inout SentinelStateMachine,
        at now: MonotonicTime? = nil
    ) -> String { words(machine.answered(answer, now: now ?? start)) }

    /// Asks until the end, where every sentinel gives the same answer.
    private func conclude(
        _ given: SentinelAnswer, _ machine: inout SentinelStateMachine,
        at now: MonotonicTime? = nil
    ) -> String {
        var action = machine.asked()
        while case .ask = action { action = machine.answered(given, now: now ?? start) }
        return words(action)
    }

    // MARK: - Questions

    @Test func `the first sentinel's answer is the master`() throws {
        var machine = try machine()
        #expect(words(machine.asked()) == "ask s1")
        #expect(answer(.master(server("a")), &machine) == "master a")
        #expect(words(machine.asked()) == "ask s1", "every question asks anew")
    }

    @Test func `a question that is under way is shared`() throws {
        var machine = try machine()
        #expect(words(machine.asked()) == "ask s1")
        #expect(words(machine.asked()) == "none")
        #expect(answer(.master(server("a")), &machine) == "master a")
    }

    @Test func `the next sentinel is asked if one does not answer, and comes first afterwards`()
        throws
    {
        var machine = try machine()
        #expect(words(machine.asked()) == "ask s1")
        #expect(answer(.none, &machine) == "ask s2")
        #expect(answer(.nameUnknown, &machine) == "ask s3")
        #expect(answer(.master(server("a")), &machine) == "master a")
        #expect(machine.sentinels.map(\.host) == ["s3", "s1", "s2"])
        #expect(words(machine.asked()) == "ask s3")
    }

    @Test func `no answer and no sentinel that knows the name are different errors`() throws {
        var machine = try machine()
        #expect(conclude(.none, &machine) == "fail sentinelsUnreachable")
        #expect(conclude(.nameUnknown, &machine) == "fail masterNameUnknown")
        let error = RedisServerError(message: "NOAUTH Authentication required.")
        #expect(
            conclude(.refused(error), &machine)
                == "fail sentinelRefused(NOAUTH Authentication required.)")
        _ = machine.asked()
        #expect(answer(.none, &machine) == "ask s2")
        #expect(answer(.refused(error), &machine) == "ask s3")
        #expect(answer(.nameUnknown, &machine) == "fail masterNameUnknown")
    }

    @Test func `nothing is given up for good: after an error the next question asks all again`()
        throws
    {
        var machine = try machine()
        _ = conclude(.none, &machine)
        #expect(conclude(.master(server("a")), &machine) == "master a")
    }

    // MARK: - Sentinels

    @Test func `other sentinels are learnt, and forgotten when no sentinel names them`() throws {
        var machine = try machine("s1")
        machine.learned([sentinel("s2"), sentinel("s3"), sentinel("s2")], from: sentinel("s1"))
        #expect(machine.sentinels.map(\.host) == ["s1", "s2", "s3"])
        machine.learned([sentinel("s1"), sentinel("s4")], from: sentinel("s2"))
        #expect(
            machine.sentinels.map(\.host) == ["s1", "s2", "s4"], "one that answers is kept")
        machine.learned([], from: sentinel("s1"))
        #expect(machine.sentinels.map(\.host) == ["s1"], "the URL's are always kept")
    }

    @Test func `the list of sentinels is bounded`() throws {
        var machine = try machine()
        machine.learned((0..<1_000).map { sentinel("x\($0)") }, from: sentinel("s1"))
        #expect(machine.sentinels.count == SentinelStateMachine.sentinelsMax)
        #expect(machine.sentinels.prefix(3).map(\.host) == ["s1", "s2", "s3"])
    }

    @Test func `sentinels that are learnt during a question are asked by the next one`() throws {
        var machine = try machine("s1")
        _ = machine.asked()
        machine.learned([sentinel("s2")], from: sentinel("s1"))
        #expect(answer(.none, &machine) == "fail sentinelsUnreachable")
        _ = machine.asked()
        #expect(answer(.none, &machine) == "ask s2")
    }

    // MARK: - Doubt

    @Test func `a server that was no master is used only if no sentinel names another one`() throws
    {
        var machine = try machine()
        _ = conclude(.master(server("a")), &machine)
        machine.doubted(server("a"), now: start)
        #expect(words(machine.asked()) == "ask s1")
        #expect(answer(.master(server("a")), &machine) == "ask s2")
        #expect(answer(.master(server("b")), &machine) == "master b")
        #expect(machine.sentinels.map(\.host) == ["s2", "s1", "s3"])
        machine.doubted(server("b"), now: start)
        #expect(conclude(.master(server("b")), &machine) == "master b")
    }

    @Test func `of servers that are all in doubt, the one with the oldest doubt is used`() throws {
        var machine = try machine()
        machine.doubted(server("a"), now: start)
        machine.doubted(server("b"), now: after(1))
        _ = machine.asked()
        #expect(answer(.master(server("b")), &machine, at: after(2)) == "ask s2")
        #expect(answer(.master(server("a")), &machine, at: after(2)) == "ask s3")
        #expect(answer(.master(server("b")), &machine, at: after(2)) == "master a")
        machine.doubted(server("a"), now: after(3))
        _ = machine.asked()
        #expect(answer(.master(server("a")), &machine, at: after(4)) == "ask s2")
        #expect(answer(.master(server("b")), &machine, at: after(4)) == "ask s3")
        #expect(answer(.none, &machine, at: after(4)) == "master b")
    }

    @Test func `a doubt passes`() throws {
        var machine = try machine()
        machine.doubted(server("a"), now: start)
        _ = machine.asked()
        let end = after(SentinelStateMachine.doubtMilliseconds)
        #expect(answer(.master(server("a")), &machine, at: end) == "master a")
    }

    @Test func `doubts are bounded, and the oldest gives way`() throws {
        var machine = try machine()
        for number in 0..<100 { machine.doubted(server("x\(number)"), now: start) }
        _ = machine.asked()
        #expect(answer(.master(server("x99")), &machine) == "ask s2")
        #expect(answer(.master(server("x0")), &machine) == "master x0")
    }

    // MARK: - Failovers

    @Test func `the first connection at a new master ends those to other servers`() throws {
        var machine = try machine()
        _ = conclude(.master(server("a")), &machine)
        #expect(machine.confirmed(server("a"), now: start) == .stay)
        #expect(machine.confirmed(server("a"), now: start) == .stay)
        _ = conclude(.master(server("b")), &machine)
        #expect(machine.master == server("a"), "a sentinel's word alone moves nobody")
        #expect(machine.confirmed(server("b"), now: start) == .othersLeave)
        #expect(machine.confirmed(server("b"), now: start) == .stay)
        #expect(machine.master == server("b"))
    }

    @Test func `a late connection at the old master does not move the others back`() throws {
        var machine = try machine()
        _ = conclude(.master(server("a")), &machine)
        _ = machine.confirmed(server("a"), now: start)
        _ = conclude(.master(server("b")), &machine)
        #expect(machine.confirmed(server("a"), now: start) == .leave)
        #expect(machine.confirmed(server("b"), now: start) == .othersLeave)
        #expect(machine.confirmed(server("a"), now: start) == .leave)
        // A sentinel that lags still names the old one, and is not believed.
        #expect(words(machine.asked()) == "ask s1")
        #expect(answer(.master(server("a")), &machine) == "ask s2")
        #expect(answer(.master(server("b")), &machine) == "master b")
    }

    @Test func `a failover back is followed once all sentinels name the old server again`() throws {
        var machine = try machine()
        for (host, confirmation) in [("a", "stay"), ("b", "othersLeave"), ("a", "othersLeave")] {
            #expect(conclude(.master(server(host)), &machine) == "master \(host)")
            let confirmed = machine.confirmed(server(host), now: start)
            #expect("\(confirmed)" == confirmation)
        }
        _ = machine.asked()
        #expect(answer(.master(server("a")), &machine) == "master a", "it is in doubt no more")
    }

    @Test func `an announced failover puts the old master in doubt, and the new one in none`()
        throws
    {
        var machine = try machine()
        _ = conclude(.master(server("a")), &machine)
        _ = machine.confirmed(server("a"), now: start)
        machine.doubted(server("b"), now: start)
        machine.switched(from: server("a"), to: server("b"), now: start)
        #expect(machine.confirmed(server("a"), now: start) == .leave)
        _ = machine.asked()
        #expect(answer(.master(server("a")), &machine) == "ask s2")
        #expect(answer(.master(server("b")), &machine) == "master b")
        #expect(machine.confirmed(server("b"), now: start) == .othersLeave)
    }

    @Test func `a master that confirms nothing is left if a sentinel names another one`() throws {
        var machine = try machine()
        #expect(words(machine.suspected(server("a"))) == "none")
        _ = conclude(.master(server("a")), &machine)
        _ = machine.confirmed(server("a"), now: start)
        #expect(words(machine.suspected(server("a"))) == "ask s1")
        #expect(answer(.master(server("a")), &machine) == "ask s2")
        #expect(answer(.master(server("b")), &machine) == "master b, leave a")
        #expect(machine.confirmed(server("b"), now: start) == .othersLeave)
    }

    @Test func `a master that confirms nothing is kept if all sentinels name it`() throws {
        var machine = try machine()
        _ = conclude(.master(server("a")), &machine)
        _ = machine.confirmed(server("a"), now: start)
        #expect(words(machine.suspected(server("a"))) == "ask s1")
        #expect(words(machine.suspected(server("a"))) == "none", "it is asked already")
        #expect(answer(.master(server("a")), &machine) == "ask s2")
        #expect(answer(.none, &machine) == "ask s3")
        #expect(answer(.master(server("a")), &machine) == "master a")
        #expect(machine.confirmed(server("a"), now: start) == .stay)
        _ = machine.suspected(server("a"))
        #expect(answer(.none, &machine) == "ask s2")
        #expect(answer(.none, &machine) == "ask s3")
        #expect(answer(.none, &machine) == "fail sentinelsUnreachable", "nobody leaves")
    }

    @Test func `a new master without replicas is not left for the old one that a sentinel names`()
        throws
    {
        var machine = try machine()
        _ = conclude(.master(server("a")), &machine)
        _ = machine.confirmed(server("a"), now: start)
        _ = conclude(.master(server("b")), &machine)
        _ = machine.confirmed(server("b"), now: start)
        #expect(words(machine.suspected(server("b"))) == "ask s1")
        #expect(answer(.master(server("b")), &machine) == "ask s2")
        #expect(answer(.master(server("a")), &machine) == "ask s3")
        #expect(answer(.master(server("a")), &machine) == "master b")
        // The suspicion leaves no doubt behind.
        #expect(words(machine.asked()) == "ask s1")
        #expect(answer(.master(server("b")), &machine) == "master b")
    }
}
