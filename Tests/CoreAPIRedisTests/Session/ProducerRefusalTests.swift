import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A session whose script tells of each message, and refuses some by a rule of the queue.
@Suite struct ProducerRefusalTests: ProducerTranscript {
    private func telling() -> Session {
        let call = ProducerCall(
            script: script, sessionKey: Array("session".utf8), queueKeys: [Array("queue".utf8)],
            queueWords: [], tellsOfEach: true)
        var session = Session(call, limits: ProducerLimits())
        login(&session, opened(-1, refused: []), fence: 1)
        return session
    }

    /// A connection is there: the session gets its number, and sets its fence.
    private func login(_ session: inout Session, _ opened: RedisReply, fence: Int64) {
        session.loggedIn()
        _ = bytes(&session)
        _ = session.received(opened, now: start)
        _ = bytes(&session)
        _ = session.received(.integer(fence), now: start)
    }

    private func opened(_ number: Int, _ run: String = "A", refused: [Int]) -> RedisReply {
        guard case .array(let elements) = opened(number, run) else { return .null }
        return .array(elements + [.array(refused.map { text("\($0)") })])
    }

    /// What a flush sends, as text.
    private func bytes(_ session: inout Session) -> String {
        var sent: [UInt8] = []
        try? session.flush(now: start) { output, position throws(SystemError) in
            sent += output[position...]
            return output.count - position
        }
        return String(decoding: sent, as: UTF8.self)
    }

    private func told(_ number: Int, _ texts: String...) -> RedisReply {
        var elements: [RedisReply] = [.integer(Int64(number)), text("")]
        for (index, told) in texts.enumerated() {
            elements += [.integer(Int64(index)), text(told)]
        }
        return .array(elements)
    }

    private func outcomes(_ action: Session.ReplyAction) -> [String] {
        var found: [String] = []
        func add(_ resolutions: Session.Resolutions) {
            for resolution in resolutions.array {
                switch resolution.result {
                case .success(.applied): found.append("\(resolution.waiter) applied")
                case .success(.told(let text)):
                    found.append("\(resolution.waiter) \(String(decoding: text, as: UTF8.self))")
                case .success(.found): found.append("\(resolution.waiter) found")
                case .failure(let failure): found.append("\(resolution.waiter) \(failure)")
                }
            }
        }
        switch action {
        case .resolve(let resolutions): add(resolutions)
        case .ready(let resolutions, _): add(resolutions)
        default: found.append("\(action)")
        }
        return found
    }

    @Test func `each message gets what the script tells of it, and those behind go on`() {
        var session = telling()
        submit(1...3, &session)
        _ = bytes(&session)
        submit(4...4, &session)
        _ = bytes(&session)
        let first = session.received(told(4, "A 1 1", "L 0 1", "A 0 1"), now: start)
        #expect(outcomes(first) == ["1 A 1 1", "2 L 0 1", "3 A 0 1"])
        #expect(session.isReady)
        #expect(outcomes(session.received(told(5, "L 0 1"), now: start)) == ["4 L 0 1"])
        #expect(session.pendingCount == 0)
    }

    @Test func `a refused message whose reply is lost is sent again, an applied one is not`() {
        var session = telling()
        submit(1...3, &session)
        _ = bytes(&session)
        _ = session.lost(.connectionLost, now: start)
        session.loggedIn()
        #expect(bytes(&session).contains("session:refused"))
        // Redis has taken all three, 2 to 4, and refused the second.
        #expect(session.received(opened(4, refused: [3]), now: start) == .flush)
        _ = bytes(&session)
        let settled = session.received(.integer(5), now: start)
        #expect(outcomes(settled) == ["1 applied", "3 applied"])
        let again = bytes(&session)
        #expect(again.contains("m2") && !again.contains("m1") && !again.contains("m3"))
        #expect(outcomes(session.received(told(6, "A 0 1"), now: start)) == ["2 A 0 1"])
    }

    @Test func `a keyed message that was applied finds its record, although its reply was lost`() {
        var session = telling()
        _ = submit(1, key: "k", &session)
        _ = bytes(&session)
        _ = session.lost(.connectionLost, now: start)
        login(&session, opened(2, refused: []), fence: 3)
        _ = bytes(&session)
        #expect(
            outcomes(session.received(told(4, "F 0 1 m1"), now: start)) == ["1 F 0 1 m1"])
    }

    @Test func `what is confirmed and lost is sent again, and what is refused is not`() {
        var session = telling()
        submit(1...2, &session)
        _ = bytes(&session)
        _ = session.received(told(3, "A 1 1", "L 0 1"), now: start)
        _ = session.lost(.connectionLost, now: start)
        // Another Redis, with a state from before the session.
        login(&session, opened(-1, "B", refused: []), fence: 4)
        let again = bytes(&session)
        #expect(again.contains("m1") && !again.contains("m2"))
        // The digit of its traits says that no rule refuses it.
        #expect(again.contains("$1\r\n4\r\n"))
    }

    @Test func `a refusal by one Redis does not hide that another may have applied it`() {
        var session = telling()
        submit(1...1, &session)
        _ = bytes(&session)
        _ = session.lost(.connectionLost, now: start)
        login(&session, opened(-1, "B", refused: []), fence: 3)
        _ = bytes(&session)
        #expect(
            outcomes(session.received(told(4, "L 0 1"), now: start))
                == ["1 \(RedisFailure.mayBeExecuted(.sessionLost))"])
        // Nothing was confirmed: a third Redis does not get it.
        _ = session.lost(.connectionLost, now: start)
        login(&session, opened(-1, "C", refused: []), fence: 5)
        #expect(!bytes(&session).contains("m1"))
    }

    @Test func `a batch between the question and the fence makes it ask anew`() {
        var session = telling()
        submit(1...1, &session)
        _ = bytes(&session)
        _ = session.lost(.connectionLost, now: start)
        session.loggedIn()
        _ = bytes(&session)
        _ = session.received(opened(1, refused: []), now: start)
        _ = bytes(&session)
        #expect(session.received(.integer(2), now: start) == .flush)
        #expect(bytes(&session).contains("session:refused"))
        _ = session.received(opened(2, refused: [2]), now: start)
        _ = bytes(&session)
        _ = session.received(.integer(4), now: start)
        #expect(bytes(&session).contains("m1"))
    }

    @Test func `another reply is a broken protocol`() {
        let replies: [RedisReply] = [
            opened(1), .array([]),
            .array([.integer(1), .integer(0), .integer(0), text("A"), .null]),
        ]
        for reply in replies {
            var session = telling()
            _ = session.lost(.connectionLost, now: start)
            session.loggedIn()
            _ = bytes(&session)
            #expect(session.received(reply, now: start) == .fail(.protocolViolation))
        }
    }
}
