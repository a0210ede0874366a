import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Tests of a producer session after lost replies, and after Redis lost confirmed messages.
@Suite struct ProducerLossTests: ProducerTranscript {
    /// Sends messages m1 to m4 with the numbers 2 to 5, and confirms those up to a number.
    private func used(
        confirmed: Int, limits: ProducerLimits = ProducerLimits(), barrier: RedisBarrier? = nil
    ) -> Session {
        var limits = limits
        limits.batchMax = 1
        var session = ready(limits: limits, barrier: barrier)
        submit(1...4, &session)
        _ = sent(&session)
        for number in 2..<(confirmed + 1) {
            _ = session.received(.integer(Int64(number)), now: start)
        }
        return session
    }

    @Test func `what was applied is confirmed, and the rest is sent again behind a fence`() {
        var session = used(confirmed: 2)
        #expect(session.lost(.connectionLost, now: start) == [])
        #expect(login("A", standingAt: 4, &session) == ["open", "fence 4 6"])
        #expect(
            session.received(.integer(6), now: start) == .ready([.applied(2), .applied(3)], nil))
        #expect(sent(&session) == ["7: m4"])
    }

    @Test func `a copy that comes between the question and the fence is noticed`() {
        var session = used(confirmed: 2)
        _ = session.lost(.connectionLost, now: start)
        #expect(login("A", standingAt: 4, &session) == ["open", "fence 4 6"])
        #expect(session.received(.integer(5), now: start) == .flush)
        #expect(sent(&session) == ["fence 5 7"])
        #expect(
            session.received(.integer(7), now: start)
                == .ready([.applied(2), .applied(3), .applied(4)], nil))
    }

    @Test func `a number that goes back between the question and the fence is asked again`() {
        var session = used(confirmed: 5)
        _ = session.lost(.connectionLost, now: start)
        submit(5...5, &session)
        #expect(login("B", standingAt: 5, &session) == ["open", "fence 5 6"])
        let back = RedisServerError(message: "SESSION went back")
        #expect(session.received(.integer(3), now: start) == .fail(.server(back)))
        _ = session.lost(.server(back), now: start)
        #expect(login("C", standingAt: 3, &session) == ["open", "fence 3 7"])
        let lost = LostConfirmations(
            numbers: 4...5, count: 2, isSameRun: false, replayed: ["m3", "m4"])
        #expect(session.received(.integer(7), now: start) == .ready([], lost))
        #expect(sent(&session) == ["8: m3", "9: m4", "10: m5"])
    }

    @Test func `fences whose replies are lost, twice in a row, do not count as applied`() {
        var session = used(confirmed: 2)
        _ = session.lost(.connectionLost, now: start)
        #expect(login("A", standingAt: 3, &session) == ["open", "fence 3 6"])
        _ = session.lost(.connectionLost, now: start)
        #expect(login("B", standingAt: 2, &session) == ["open", "fence 2 7"])
        _ = session.lost(.connectionLost, now: start)
        #expect(login("A", standingAt: 6, &session) == ["open", "fence 6 8"])
        #expect(session.received(.integer(8), now: start) == .ready([.applied(2)], nil))
        #expect(sent(&session) == ["9: m3", "10: m4"])
    }

    @Test func `a keyed message is sent again in any case, since its record tells`() {
        var session = ready()
        _ = submit(1, key: "k", &session)
        _ = sent(&session)
        _ = session.lost(.connectionLost, now: start)
        _ = login("A", standingAt: 2, &session)
        #expect(session.received(.integer(3), now: start) == .ready([], nil))
        #expect(sent(&session) == ["4: m1"])
        // The batch was applied: a refusal of the retry does not mean the opposite.
        let full = RedisServerError(message: "OOM x")
        #expect(
            session.received(.array([.integer(3), text("OOM x")]), now: start)
                == .resolve([.failed(1, .mayBeExecuted(.server(full)))]))
    }

    @Test func `a keyed message that may be applied is not told as not executed`() {
        var session = ready()
        _ = submit(1, key: "k", &session)
        _ = sent(&session)
        _ = session.lost(.connectionLost, now: start)
        _ = login("A", standingAt: 2, &session)
        _ = session.received(.integer(3), now: start)
        #expect(
            session.expire(after(5_000), .timedOut) == [.failed(1, .mayBeExecuted(.timedOut))])
        #expect(sent(&session) == [])
    }

    @Test func `what another Redis lacks is sent again before anything new`() {
        var session = used(confirmed: 4)
        _ = session.lost(.connectionLost, now: start)
        submit(5...5, &session)
        #expect(login("B", standingAt: 2, &session) == ["open", "fence 2 6"])
        let lost = LostConfirmations(
            numbers: 3...4, count: 2, isSameRun: false, replayed: ["m2", "m3"])
        #expect(session.received(.integer(6), now: start) == .ready([], lost))
        #expect(sent(&session) == ["7: m2", "8: m3", "9: m4", "10: m5"])
    }

    @Test func `what is sent again keeps its order, though a key kept an earlier message`() {
        var session = ready()
        _ = submit(1, key: "k", &session)
        _ = submit(2, &session)
        _ = sent(&session)
        _ = session.lost(.connectionLost, now: start)
        _ = login("A", standingAt: 3, &session)
        #expect(session.received(.integer(4), now: start) == .ready([.applied(2)], nil))
        #expect(sent(&session) == ["5: m1"])
        _ = session.lost(.connectionLost, now: start)
        submit(3...3, &session)
        #expect(login("B", standingAt: 1, &session) == ["open", "fence 1 6"])
        let lost = LostConfirmations(
            numbers: 2...3, count: 1, isSameRun: false, replayed: ["m2"])
        #expect(session.received(.integer(6), now: start) == .ready([], lost))
        #expect(sent(&session) == ["7: m1 m2", "9: m3"])
    }

    @Test func `what is sent again survives another loss of the connection`() {
        var session = used(confirmed: 5)
        _ = session.lost(.connectionLost, now: start)
        _ = login("B", standingAt: 3, &session)
        _ = session.received(.integer(6), now: start)
        #expect(sent(&session) == ["7: m3", "8: m4"])
        _ = session.lost(.connectionLost, now: start)
        _ = session.expire(after(20_000), .timedOut)
        #expect(login("B", standingAt: 7, &session) == ["open", "fence 7 9"])
        #expect(session.received(.integer(9), now: start) == .ready([], nil))
        #expect(sent(&session) == ["10: m4"])
        #expect(session.received(.integer(10), now: start) == .none)
        #expect(session.pendingCount == 0 && session.pendingBytes == 0)
    }

    @Test func `what is sent again and refused is tried until it would not be kept any more`() {
        var session = used(confirmed: 5)
        _ = session.lost(.connectionLost, now: start)
        _ = login("B", standingAt: 4, &session)
        _ = session.received(.integer(6), now: start)
        #expect(sent(&session) == ["7: m4"])
        let full = RedisServerError(message: "OOM x")
        let refusal = RedisReply.array([.integer(6), text("OOM x")])
        #expect(session.received(refusal, now: start) == .fail(.server(full)))
        _ = session.lost(.server(full), now: start)
        #expect(login("B", standingAt: 6, &session) == ["open", "fence 6 8"])
        _ = session.received(.integer(8), now: start)
        #expect(sent(&session) == ["9: m4"])
        let late = RedisReply.array([.integer(8), text("OOM x")])
        #expect(session.received(late, now: after(30_000)) == .flush)
        #expect(session.takeGivenUp() == [GivenUpMessage("m4", .refused)])
        #expect(session.takeGivenUp() == [])
        #expect(session.pendingCount == 0 && session.pendingBytes == 0)
    }

    @Test func `an earlier master that comes back gets what it lacks, and nothing twice`() {
        var session = used(confirmed: 5)
        _ = session.lost(.connectionLost, now: start)
        _ = login("B", standingAt: 3, &session)
        _ = session.received(.integer(6), now: start)
        #expect(sent(&session) == ["7: m3", "8: m4"])
        submit(5...5, &session)
        #expect(sent(&session) == ["9: m5"])
        for number in 7...9 { _ = session.received(.integer(Int64(number)), now: start) }
        _ = session.lost(.connectionLost, now: start)
        // Server A is unchanged: it has m3 and m4 under their first numbers.
        #expect(login("A", standingAt: 5, &session) == ["open", "fence 5 10"])
        let lost = LostConfirmations(
            numbers: 6...9, count: 1, isSameRun: false, replayed: ["m5"])
        #expect(session.received(.integer(10), now: start) == .ready([], lost))
        #expect(sent(&session) == ["11: m5"])
    }

    @Test func `a session that the same Redis lacks is not made up for`() {
        var session = used(confirmed: 3)
        _ = session.lost(.connectionLost, now: start)
        #expect(login("A", standingAt: -1, &session) == ["open", "fence -1 6"])
        let lost = LostConfirmations(
            numbers: 1...3, count: 2, isSameRun: true, replayed: [])
        #expect(
            session.received(.integer(6), now: start)
                == .ready(
                    [
                        .failed(3, .mayBeExecuted(.sessionLost)),
                        .failed(4, .mayBeExecuted(.sessionLost)),
                    ], lost))
        // The session recovers from the next loss as usual.
        submit(5...5, &session)
        #expect(sent(&session) == ["7: m5"])
        _ = session.lost(.connectionLost, now: start)
        #expect(login("A", standingAt: 6, &session) == ["open", "fence 6 8"])
        #expect(session.received(.integer(8), now: start) == .ready([], nil))
        #expect(sent(&session) == ["9: m5"])
    }

    @Test func `a Redis without the session from its begin gets everything`() {
        var session = used(confirmed: 3)
        _ = session.lost(.connectionLost, now: start)
        #expect(login("B", standingAt: -1, &session) == ["open", "fence -1 6"])
        let lost = LostConfirmations(
            numbers: 1...3, count: 2, isSameRun: false, replayed: ["m1", "m2"])
        #expect(session.received(.integer(6), now: start) == .ready([], lost))
        #expect(sent(&session) == ["7: m1", "8: m2", "9: m3", "10: m4"])
    }

    @Test func `a number above all that were sent tells nothing`() {
        var session = used(confirmed: 3)
        _ = session.lost(.connectionLost, now: start)
        #expect(login("B", standingAt: 1_000, &session) == ["open", "fence 1000 1001"])
        let lost = LostConfirmations(
            numbers: 1...3, count: 2, isSameRun: false, replayed: [])
        #expect(
            session.received(.integer(1_001), now: start)
                == .ready(
                    [
                        .failed(3, .mayBeExecuted(.sessionLost)),
                        .failed(4, .mayBeExecuted(.sessionLost)),
                    ], lost))
    }

    @Test func `what is no longer kept is named by its numbers`() {
        var limits = ProducerLimits()
        limits.historyMilliseconds = 10
        var session = used(confirmed: 5, limits: limits)
        #expect(session.expire(after(10), .timedOut) == [])
        _ = session.lost(.connectionLost, now: after(10))
        _ = login("B", standingAt: 3, &session)
        let lost = LostConfirmations(
            numbers: 4...5, count: 2, isSameRun: false, replayed: [])
        #expect(session.received(.integer(6), now: start) == .ready([], lost))
    }

    @Test func `what is confirmed is kept for as long as Redis is away`() {
        var session = used(confirmed: 5)
        for seconds in [10, 40, 100] {
            _ = session.lost(.connectionLost, now: after(seconds * 1_000))
            _ = session.expire(after(seconds * 1_000), .timedOut)
        }
        let later = after(100_000)
        _ = login("B", standingAt: 3, &session, at: later)
        let lost = LostConfirmations(
            numbers: 4...5, count: 2, isSameRun: false, replayed: ["m3", "m4"])
        #expect(session.received(.integer(6), now: later) == .ready([], lost))
    }

    @Test func `a batch of which Redis has taken nothing was not executed`() {
        let error = RedisServerError(message: "READONLY x")
        for reply in [.error(error), .array([.integer(1), text("READONLY x")])] as [RedisReply] {
            var session = ready()
            submit(1...2, &session)
            _ = sent(&session)
            #expect(session.received(reply, now: start) == .fail(.server(error)))
            _ = session.lost(.server(error), now: start)
            #expect(
                session.expire(after(5_000), .server(error)) == [
                    .failed(1, .notExecuted(.server(error))),
                    .failed(2, .notExecuted(.server(error))),
                ])
        }
    }

    @Test func `a confirmed message that a key of its own keeps out is given up at once`() {
        var session = used(confirmed: 5)
        _ = session.lost(.connectionLost, now: start)
        _ = login("B", standingAt: 3, &session)
        _ = session.received(.integer(6), now: start)
        #expect(sent(&session) == ["7: m3", "8: m4"])
        let refusal = RedisReply.array([.integer(6), text("OWN WRONGTYPE x")])
        _ = session.received(refusal, now: start)
        #expect(session.takeGivenUp() == [GivenUpMessage("m3", .refused)])
        _ = session.received(.error(RedisServerError(message: "SESSION gap")), now: start)
        #expect(sent(&session) == ["7: m4"])
    }

    @Test func `a session that has expired after an idle day is no loss, whatever Redis it is`() {
        for (idleSeconds, isLost) in [(86_000, true), (86_400, false), (200_000, false)] {
            var session = used(confirmed: 5)
            let later = after(idleSeconds * 1_000)
            _ = session.expire(later, .timedOut)
            _ = session.lost(.connectionLost, now: later)
            _ = login("B", standingAt: -1, &session, at: later)
            guard case .ready(_, let lost) = session.received(.integer(6), now: later) else {
                Issue.record("not ready")
                return
            }
            #expect((lost != nil) == isLost, "\(idleSeconds)")
            submit(6...6, &session)
            #expect(sent(&session, at: later) == ["7: m6"])
        }
    }

    @Test func `the history is bounded in bytes`() {
        var counts: [Int] = []
        for bytes in stride(from: 0, through: 400, by: 10) {
            var limits = ProducerLimits()
            limits.historyBytesMax = bytes
            var session = used(confirmed: 5, limits: limits)
            _ = session.lost(.connectionLost, now: start)
            _ = login("B", standingAt: 1, &session)
            guard case .ready(_, let lost?) = session.received(.integer(6), now: start) else {
                Issue.record("nothing is lost")
                return
            }
            let kept = lost.replayed.count
            #expect(lost.replayed == Array(["m1", "m2", "m3", "m4"].suffix(kept)))
            #expect(lost.count == 4)
            counts.append(kept)
        }
        #expect(counts == counts.sorted())
        #expect(Set(counts) == Set(0...4))
    }

    @Test func `what was sent to another Redis may come back with it`() {
        var session = used(confirmed: 4)
        _ = session.lost(.connectionLost, now: start)
        _ = login("B", standingAt: 4, &session)
        _ = session.received(.integer(6), now: start)
        let full = RedisServerError(message: "OOM x")
        #expect(sent(&session) == ["7: m4"])
        #expect(
            session.received(.array([.integer(6), text("OOM x")]), now: start)
                == .resolve([.failed(4, .mayBeExecuted(.server(full)))]))
    }

    @Test func `any reply in any state is answered by an action`() {
        var state: UInt64 = 1
        func random(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        let integers: [Int64] = [.min, -2, -1, 0, 1, 2, 3, 5, 8, 1 << 52, 1 << 53, .max]
        func reply(_ depth: Int, _ session: Session) -> RedisReply {
            switch random(depth > 1 ? 6 : 9) {
            case 0: return .integer(integers[random(integers.count)])
            case 1: return .bulk(random(2) == 0 ? [] : Array("OOM x".utf8))
            case 2: return .null
            case 3: return .status([])
            case 4: return error(["SESSION gap", "OOM x", "LOADING x", ""][random(4)])
            case 5:
                if case .fencing(_, let fence) = session.state { return .integer(Int64(fence)) }
                if case .batch(let batch)? = session.awaited.first {
                    return .integer(Int64(batch.last))
                }
                return .integer(1)
            case 6: return opened(random(session.next + 2) - 1, "\(random(3))")
            case 7:
                let number = session.next - random(4)
                return .array([.integer(Int64(number)), text(random(2) == 0 ? "" : "OOM x")])
            default: return .array((0..<random(5)).map { _ in reply(depth + 1, session) })
            }
        }
        for round in 0..<100 {
            var limits = ProducerLimits()
            limits.batchMax = 1 + round % 3
            var session = session(
                limits: limits, barrier: round % 2 == 0 ? nil : .replicas(1),
                batchesInFlightMax: 1 + round % 5)
            var waiting: Set<Int> = []
            for step in 0..<120 {
                let now = after(step * 100)
                var resolutions: [Session.Resolution] = []
                if session.state == .disconnected {
                    resolutions = session.lost(.connectionLost, now: now)
                    session.loggedIn()
                }
                _ = submit(step, key: random(3) == 0 ? "k" : nil, &session, at: now)
                waiting.insert(step)
                _ = sent(&session, at: now)
                switch session.received(reply(0, session), now: now) {
                case .resolve(let told), .ready(let told, _): resolutions += told.array
                case .none, .flush, .fail: break
                }
                resolutions += session.expire(now, .timedOut)
                for resolution in resolutions { #expect(waiting.remove(resolution.waiter) != nil) }
            }
            for resolution in session.failAll(.closed) {
                #expect(waiting.remove(resolution.waiter) != nil)
            }
            #expect(waiting.isEmpty)
        }
    }
}
