import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Tests of a producer session with a scripted Redis that accepts and refuses batches.
@Suite struct ProducerSessionTests: ProducerTranscript {
    @Test func `the session is opened by a fence, and messages follow it`() {
        var session = session()
        #expect(submit(1, &session) == .wait)
        session.loggedIn()
        #expect(sent(&session) == ["open"])
        #expect(session.received(opened(-1), now: start) == .flush)
        #expect(sent(&session) == ["fence -1 1"])
        #expect(session.received(.integer(1), now: start) == .ready([], nil))
        #expect(sent(&session) == ["2: m1"])
        #expect(session.received(.integer(2), now: start) == .resolve([.applied(1)]))
        #expect(submit(2, &session) == .flush)
        #expect(submit(3, &session) == .flush)
        #expect(sent(&session) == ["3: m2 m3"])
        #expect(session.received(.integer(4), now: start) == .resolve([.applied(2), .applied(3)]))
        #expect(session.pendingCount == 0 && session.pendingBytes == 0)
    }

    @Test func `a login with nothing to settle sends no fence`() {
        var session = ready()
        submit(1...1, &session)
        _ = sent(&session)
        _ = session.received(.integer(2), now: start)
        #expect(session.lost(.connectionLost, now: start) == [])
        #expect(login("A", standingAt: 2, &session) == ["open"])
        #expect(session.isReady)
    }

    @Test func `a record that is found is told`() {
        var session = ready()
        _ = submit(1, key: "k", &session)
        _ = submit(2, &session)
        _ = sent(&session)
        #expect(
            session.received(
                .array([.integer(3), text(""), .integer(0), text("m9")]), now: start)
                == .resolve([.found(1, "m9"), .applied(2)]))
    }

    @Test func `what comes while two batches are in flight gathers for the next one`() {
        var session = ready(batchesInFlightMax: 2)
        submit(1...1, &session)
        #expect(sent(&session) == ["2: m1"])
        submit(2...3, &session)
        #expect(sent(&session) == ["3: m2 m3"])
        submit(4...70, &session)
        #expect(sent(&session) == [])
        #expect(session.received(.integer(2), now: start) == .resolve([.applied(1)]))
        #expect(session.hasUnsent)
        let first = (4...67).map { "m\($0)" }.joined(separator: " ")
        #expect(sent(&session) == ["5: \(first)"], "64 are a batch")
        submit(71...71, &session)
        _ = session.received(.integer(4), now: start)
        #expect(sent(&session) == ["69: m68 m69 m70 m71"])
    }

    @Test func `batches that were sent before a connection broke are not in flight`() {
        var session = ready(batchesInFlightMax: 2)
        for waiter in 1...2 {
            submit(waiter...waiter, &session)
            _ = sent(&session)
        }
        submit(3...3, &session)
        _ = session.lost(.connectionLost, now: start)
        #expect(login("A", standingAt: 1, &session) == ["open", "fence 1 4"])
        #expect(session.received(.integer(4), now: start) == .ready([], nil))
        #expect(sent(&session) == ["5: m1", "6: m2"])
        #expect(session.received(.integer(5), now: start) == .resolve([.applied(1)]))
        #expect(sent(&session) == ["7: m3"])
    }

    @Test func `a full backlog refuses messages`() {
        var limits = ProducerLimits()
        limits.pendingMax = 2
        var session = session(limits: limits)
        submit(1...2, &session)
        #expect(submit(3, &session) == .reject(.notExecuted(.backlogFull)))
    }

    @Test func `after a refusal in the midst, those behind it are sent again in their order`() {
        var limits = ProducerLimits()
        limits.batchMax = 2
        var session = ready(limits: limits)
        submit(1...6, &session)
        #expect(sent(&session) == ["2: m1 m2", "4: m3 m4", "6: m5 m6"])
        let refusal = RedisServerError(message: "WRONGTYPE x")
        #expect(
            session.received(.array([.integer(2), text("WRONGTYPE x")]), now: start)
                == .resolve([.failed(2, .notExecuted(.server(refusal))), .applied(1)]))
        submit(7...9, &session)
        #expect(sent(&session) == [])
        #expect(session.received(error("SESSION gap"), now: start) == .flush)
        #expect(sent(&session) == [])
        #expect(session.received(error("SESSION gap"), now: start) == .flush)
        #expect(sent(&session) == ["3: m3 m4", "5: m5 m6", "7: m7 m8", "9: m9"])
    }

    @Test func `a connection that breaks after a refusal keeps the order`() {
        var limits = ProducerLimits()
        limits.batchMax = 1
        var session = ready(limits: limits)
        submit(1...3, &session)
        _ = sent(&session)
        _ = session.received(.array([.integer(1), text("OOM x")]), now: start)
        submit(4...4, &session)
        _ = session.received(error("SESSION gap"), now: start)
        #expect(session.lost(.connectionLost, now: start) == [])
        #expect(login("A", standingAt: 1, &session) == ["open", "fence 1 5"])
        #expect(session.received(.integer(5), now: start) == .ready([], nil))
        #expect(sent(&session) == ["6: m2", "7: m3", "8: m4"])
    }

    @Test func `a message that waits behind a refusal past its time is never sent`() {
        var session = ready()
        submit(1...1, &session)
        _ = sent(&session)
        submit(2...2, &session)
        _ = sent(&session)
        submit(3...3, &session)
        _ = sent(&session)
        _ = session.received(.array([.integer(1), text("OOM x")]), now: start)
        _ = session.received(error("SESSION gap"), now: start)
        #expect(session.deadline == after(5_000))
        #expect(
            session.expire(after(5_000), .timedOut)
                == [.failed(3, .mayBeExecuted(.timedOut)), .failed(2, .notExecuted(.timedOut))])
        #expect(session.received(error("SESSION gap"), now: after(5_001)) == .flush)
        #expect(sent(&session) == [])
        #expect(session.pendingCount == 0 && session.pendingBytes == 0)
    }

    @Test(arguments: ["SESSION gap", "SESSION late", "SESSION missing", "LOADING x", "NOSCRIPT x"])
    func `what passes ends the connection, and the next login settles it`(message: String) {
        var session = ready()
        submit(1...1, &session)
        _ = sent(&session)
        let passing = RedisServerError(message: message)
        #expect(session.received(error(message), now: start) == .fail(.server(passing)))
        #expect(session.received(.integer(2), now: start) == .fail(.protocolViolation))
        #expect(session.lost(.server(passing), now: start) == [])
        #expect(login("A", standingAt: 1, &session) == ["open", "fence 1 3"])
        #expect(session.received(.integer(3), now: start) == .ready([], nil))
        #expect(sent(&session) == ["4: m1"])
    }

    @Test func `a batch that a removed session refused is sent again, though nothing else tells`() {
        var session = ready()
        submit(1...1, &session)
        _ = sent(&session)
        submit(2...2, &session)
        _ = sent(&session)
        let missing = RedisServerError(message: "SESSION missing")
        #expect(session.received(.error(missing), now: start) == .fail(.server(missing)))
        _ = session.lost(.server(missing), now: start)
        #expect(login("A", standingAt: -1, &session) == ["open", "fence -1 4"])
        #expect(
            session.received(.integer(4), now: start)
                == .ready([.failed(2, .mayBeExecuted(.sessionLost))], nil))
        #expect(sent(&session) == ["5: m1"])
    }

    @Test func `replies that no script gives end the connection`() {
        let replies: [RedisReply] = [
            .integer(1), .integer(3), .integer(.max), .integer(.min), .null, .status([]),
            .bulk([]), .array([]), .array([.integer(2)]), .array([.integer(2), .null]),
            .array([.integer(2), text("OOM x")]), .array([.integer(1), text("")]),
            .array([.integer(.max), text("")]), .array([.integer(.min), text("OOM x")]),
            .array([.integer(2), text(""), .integer(0)]),
            .array([.integer(2), text(""), .integer(0), text("a keyless message's record")]),
            .array([.integer(2), text(""), .integer(1), text("x")]),
            .array([.integer(2), text(""), .integer(.min), text("x")]),
        ]
        for reply in replies {
            var session = ready()
            submit(1...1, &session)
            _ = sent(&session)
            #expect(session.received(reply, now: start) == .fail(.protocolViolation), "\(reply)")
        }
    }

    @Test func `a barrier that is not reached is asked again until the time is over`() {
        var session = ready(barrier: .replicas(1))
        submit(1...1, &session)
        #expect(sent(&session) == ["2: m1", "WAIT"])
        #expect(session.received(.integer(2), now: start) == .none)
        #expect(session.received(.integer(0), now: after(1_800)) == .resolve([]))
        #expect(sent(&session) == ["WAIT"])
        _ = submit(2, &session, at: after(2_000))
        #expect(sent(&session) == ["3: m2"])
        #expect(
            session.expire(after(5_000), .timedOut) == [.failed(1, .mayBeExecuted(.timedOut))])
        #expect(session.received(.integer(0), now: after(5_400)) == .resolve([]))
        #expect(sent(&session) == ["WAIT"])
        #expect(session.received(.integer(3), now: after(5_500)) == .none)
        #expect(session.received(.integer(1), now: after(5_501)) == .resolve([.applied(2)]))
        #expect(session.pendingCount == 0 && session.pendingBytes == 0)
    }

    @Test func `an end tells everybody, with and without a history`() {
        var session = ready()
        submit(1...1, &session)
        _ = sent(&session)
        submit(2...2, &session)
        #expect(
            session.failAll(.closed)
                == [.failed(1, .mayBeExecuted(.closed)), .failed(2, .notExecuted(.closed))])
        #expect(session.failAll(.closed) == [])
    }

    @Test func `a kernel that never takes all does not let the buffer grow`() throws {
        var session = ready()
        for turn in 1...3_000 {
            for _ in 1...64 { _ = submit(turn, &session) }
            try session.flush(now: start) { output, position throws(SystemError) in
                let rest = output.count - position
                return rest > 1_000 ? rest - 1_000 : nil
            }
            while session.awaited.count > 1, case .batch(let batch)? = session.awaited.first {
                _ = session.received(.integer(Int64(batch.last)), now: start)
            }
        }
        #expect(session.output.bytes.count < 1_000_000)
    }

    @Test func `an error in place of the answer is believed once the session's number agrees`() {
        var session = ready()
        submit(1...2, &session)
        #expect(sent(&session) == ["2: m1 m2"])
        submit(3...3, &session)
        #expect(sent(&session) == ["4: m3"])
        #expect(session.received(error("ERR Server closed connection"), now: start) == .flush)
        submit(4...4, &session)
        #expect(sent(&session) == [], "what was sent is answered first")
        #expect(session.received(error("SESSION gap"), now: start) == .flush)
        #expect(sent(&session) == ["open"])
        let refusal = RedisFailure.notExecuted(
            .server(RedisServerError(message: "ERR Server closed connection")))
        #expect(
            session.received(opened(1), now: start)
                == .resolve([.failed(1, refusal), .failed(2, refusal)]))
        #expect(sent(&session) == ["2: m3", "3: m4"])
    }

    @Test func `an error in place of the answer to a batch that was executed deceives nobody`() {
        var session = ready()
        submit(1...1, &session)
        _ = sent(&session)
        #expect(session.received(error("ERR Connection timed out"), now: start) == .flush)
        submit(2...2, &session)
        #expect(sent(&session) == ["open"])
        #expect(session.received(opened(2), now: start) == .fail(.protocolViolation))
        #expect(session.lost(.protocolViolation, now: start).isEmpty)
        #expect(login("A", standingAt: 2, &session) == ["open", "fence 2 3"])
        #expect(session.received(.integer(3), now: start) == .ready([.applied(1)], nil))
        #expect(sent(&session) == ["4: m2"])
        #expect(session.pendingCount == 1)
    }

    @Test func `a batch behind an executed one that was denied is not sent twice`() {
        var session = ready()
        submit(1...1, &session)
        _ = sent(&session)
        submit(2...2, &session)
        _ = sent(&session)
        #expect(session.received(error("upstream failure"), now: start) == .flush)
        // Redis has taken both: the second one could not be applied without the first.
        #expect(session.received(.integer(3), now: start) == .fail(.protocolViolation))
        _ = session.lost(.protocolViolation, now: start)
        _ = login("A", standingAt: 3, &session)
        #expect(
            session.received(.integer(4), now: start)
                == .ready([.applied(1), .applied(2)], nil))
        #expect(sent(&session) == [])
    }

    @Test func `an error that passes is compared with the session's number, too`() {
        var session = ready()
        submit(1...2, &session)
        _ = sent(&session)
        let error = RedisServerError(message: "READONLY You can't write")
        #expect(session.received(.error(error), now: start) == .fail(.server(error)))
        _ = session.lost(.server(error), now: start)
        _ = login("A", standingAt: 3, &session)
        #expect(
            session.received(.integer(4), now: start)
                == .ready([.applied(1), .applied(2)], nil))
        #expect(sent(&session) == [])
    }

    @Test func `a wait for the session's number ends like any other`() {
        var session = ready()
        submit(1...1, &session)
        _ = sent(&session)
        _ = session.received(error("ERR Connection timed out"), now: start)
        _ = sent(&session)
        let ended = session.expire(after(60_000), .timedOut)
        #expect(ended.map(\.waiter) == [1])
        #expect(ended.first?.result == .failure(.mayBeExecuted(.timedOut)))
        #expect(session.received(opened(1), now: after(60_001)) == .flush)
        #expect(session.pendingCount == 0)
    }

}
