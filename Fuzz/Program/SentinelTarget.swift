@testable internal import CoreAPIBase
@testable internal import CoreAPIRedis

/// Arbitrary replies of sentinels: nothing traps, what is taken for an address is one, questions
/// end, and no more sentinels are known than the limit says.
enum SentinelTarget {
    static func run(_ bytes: [UInt8]) {
        let reader = RedisReplyReader()
        reader.feed(bytes.span)
        var replies: [RedisReply] = []
        while let reply = try? reader.next() { replies.append(reply) }
        for reply in replies { check(reply) }
        search(replies)
    }

    private static func check(_ reply: RedisReply) {
        if case .master(let address) = SentinelAnswer(reply) { check(address) }
        for address in SentinelAnswer.otherSentinels(reply) ?? [] { check(address) }
        if let (old, new) = SentinelAnswer.failover(reply, of: "m") {
            check(old)
            check(new)
        }
    }

    private static func check(_ address: RedisAddress) {
        demand(address.port > 0, "\(address)")
        demand(RedisURLAuthority.isHost(address.host), "\(address)")
        // An address that is written into a URL is read from it again.
        let url = try? RedisURL("redis-sentinel://\(address)?master=m")
        demand(url?.place.sentinels?.addresses == [address], "\(address)")
    }

    /// The replies answer one question after the other; each announces a failover, too.
    private static func search(_ replies: [RedisReply]) {
        guard let target = (try? RedisURL("redis-sentinel://s1,s2?master=m"))?.place.sentinels
        else { return }
        var machine = SentinelStateMachine(target)
        var now = MonotonicTime(nanoseconds: 1_000_000_000)
        for reply in replies {
            var action = machine.asked()
            var asked = 0
            while case .ask(let address) = action {
                action = machine.answered(SentinelAnswer(reply), now: now)
                if let others = SentinelAnswer.otherSentinels(reply) {
                    machine.learned(others, from: address)
                }
                asked += 1
                demand(asked <= SentinelStateMachine.sentinelsMax, "a question does not end")
            }
            guard case .conclude(let result, _) = action else {
                fatalError("found: a question ends without a result")
            }
            if case .success(let address) = result {
                demand(machine.confirmed(address, now: now) != .leave, "the answer is not believed")
            }
            if let (old, new) = SentinelAnswer.failover(reply, of: "m") {
                machine.switched(from: old, to: new, now: now)
            }
            if let master = machine.master {
                var action = machine.suspected(master)
                while case .ask = action {
                    action = machine.answered(SentinelAnswer(reply), now: now)
                }
            }
            let known = machine.sentinels
            demand(known.count <= SentinelStateMachine.sentinelsMax, "\(known.count) sentinels")
            demand(Set(known).count == known.count, "a sentinel twice")
            demand(target.addresses.allSatisfy { known.contains($0) }, "the URL's are forgotten")
            now = now.advanced(byMilliseconds: 4_000)
        }
    }
}
