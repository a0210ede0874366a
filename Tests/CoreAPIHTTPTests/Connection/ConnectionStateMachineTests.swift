import Testing

@testable import CoreAPIBase
@testable import CoreAPIHTTP

/// The connection between requests: deadlines, expectations, refusals, drain.
@Suite struct ConnectionStateMachineTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)
    private let limits = HTTPLimits()

    private func after(_ milliseconds: Int) -> MonotonicTime {
        start.advanced(byMilliseconds: milliseconds)
    }

    private func machine(_ text: String = "") -> ConnectionStateMachine {
        var machine = ConnectionStateMachine(limits: limits, now: start)
        feed(text, &machine, start)
        return machine
    }

    private func feed(_ text: String, _ machine: inout ConnectionStateMachine, _ now: MonotonicTime)
    {
        guard !text.isEmpty else { return }
        machine.input += Array(text.utf8)
        machine.received(text.utf8.count, now: now)
    }

    /// The action as a short text.
    private func word(_ action: ConnectionStateMachine.Action) -> String {
        switch action {
        case .read(let until): "read until \((until.nanoseconds - start.nanoseconds) / 1_000_000)"
        case .decideOnExpectation: "decide"
        case .respond: "respond"
        case .refuse(let refusal): "refuse \(refusal)"
        case .linger: "linger"
        case .close: "close"
        }
    }

    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func `a connection without a byte idles, and is closed without a word`() {
        var machine = machine()
        #expect(word(machine.next(now: start)) == "read until 75000")
        #expect(word(machine.deadlinePassed(now: after(75_000))) == "close")
        #expect(word(machine.next(now: after(75_000))) == "close")
    }

    @Test func `a head has its time from its first byte on, and more bytes do not lengthen it`() {
        var machine = machine()
        #expect(word(machine.next(now: start)) == "read until 75000")
        feed("G", &machine, after(50_000))
        #expect(word(machine.next(now: after(50_000))) == "read until 60000")
        feed("ET / HTTP/1.1\r\n", &machine, after(59_000))
        #expect(word(machine.next(now: after(59_000))) == "read until 60000")
        #expect(word(machine.deadlinePassed(now: after(60_000))) == "refuse timedOut")
        machine.responded(now: after(60_000))
        #expect(word(machine.next(now: after(60_000))) == "linger")
    }

    @Test func `a connection knows since when it waits for its caller`() {
        func since(_ machine: ConnectionStateMachine) -> Int {
            machine.readsSince.milliseconds(since: start)
        }
        var machine = machine()
        #expect(since(machine) == 0)
        feed("POST / HTTP/1.1\r\nHost: a\r\n", &machine, after(50_000))
        #expect(word(machine.next(now: after(50_000))) == "read until 60000")
        #expect(since(machine) == 50_000)
        feed("Content-Length: 1\r\n\r\n", &machine, after(51_000))
        #expect(word(machine.next(now: after(51_000))) == "read until 61000")
        #expect(since(machine) == 51_000)
        feed("1", &machine, after(52_000))
        #expect(word(machine.next(now: after(52_000))) == "respond")
        machine.responded(now: after(53_000))
        #expect(since(machine) == 53_000)
    }

    @Test func `a body has its time from the end of the head on`() {
        for fields in ["Content-Length: 4", "Transfer-Encoding: chunked"] {
            var machine = machine("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n")
            #expect(word(machine.next(now: after(2_000))) == "read until 12000")
            feed("1", &machine, after(11_000))
            #expect(word(machine.next(now: after(11_000))) == "read until 12000")
            #expect(word(machine.deadlinePassed(now: after(60_000))) == "refuse timedOut")
        }
    }

    @Test
    func `between requests the connection idles; a request begun in advance has a head's time`() {
        var machine = machine(get)
        #expect(word(machine.next(now: start)) == "respond")
        machine.responded(now: after(100))
        #expect(word(machine.next(now: after(100))) == "read until 75100")
        feed(get + "GET /", &machine, after(200))
        #expect(word(machine.next(now: after(200))) == "respond")
        machine.responded(now: after(300))
        #expect(word(machine.next(now: after(300))) == "read until 10300")
    }

    @Test func `a caller that holds its body back is asked for it once (RFC 9110 §10.1.1)`() {
        var machine = machine(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        #expect(word(machine.next(now: start)) == "decide")
        #expect(word(machine.next(now: start)) == "read until 10000")
        feed("a", &machine, after(1))
        #expect(word(machine.next(now: after(1))) == "respond")
        #expect(!machine.closesAfterResponse)
    }

    @Test func `a body that is on its way needs no 100`() {
        var machine = machine(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\na")
        #expect(word(machine.next(now: start)) == "read until 10000")
        feed("b", &machine, after(1))
        #expect(word(machine.next(now: after(1))) == "respond")
    }

    @Test func `a final answer instead of a 100 is the connection's last`() {
        var machine = machine(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        #expect(word(machine.next(now: start)) == "decide")
        machine.expectationRejected()
        #expect(machine.closesAfterResponse)
        machine.responded(now: start)
        #expect(word(machine.next(now: start)) == "linger")
    }

    @Test func `HTTP 1.0 gets no 100`() {
        var machine = machine(
            "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        #expect(word(machine.next(now: start)) == "read until 10000")
    }

    @Test
    func
        `after a refusal the connection lingers, within bounds`()
    {
        var machine = machine("x\r\n")
        #expect(word(machine.next(now: start)).hasPrefix("refuse malformed"))
        #expect(machine.closesAfterResponse)
        machine.responded(now: start)
        #expect(word(machine.next(now: start)) == "linger")
        #expect(word(machine.next(now: start)) == "read until 2000")
        feed(String(repeating: "x", count: 100_000), &machine, after(1))
        #expect(machine.input.isEmpty)
        #expect(word(machine.next(now: after(1))) == "read until 2001", "bytes come")
        for time in stride(from: 2_000, through: 28_000, by: 1_000) {
            feed("x", &machine, after(time))
            #expect(word(machine.next(now: after(time))) == "read until \(time + 2_000)")
        }
        feed("x", &machine, after(29_000))
        #expect(word(machine.next(now: after(29_000))) == "read until 30000", "and no longer")
        #expect(word(machine.deadlinePassed(now: after(30_000))) == "close")
    }

    @Test func `after a refusal a bounded number of bytes is read`() {
        var machine = machine("x\r\n")
        _ = machine.next(now: start)
        machine.responded(now: start)
        #expect(word(machine.next(now: start)) == "linger")
        let piece = String(repeating: "x", count: 1 << 20)
        for count in 1..<16 {
            feed(piece, &machine, after(1))
            #expect(machine.input.capacity == 0)
            #expect(word(machine.next(now: after(1))) == "read until 2001", "\(count) MiB")
        }
        feed(piece, &machine, after(1))
        #expect(word(machine.next(now: after(1))) == "close")
    }

    @Test func `when the server ends, lingering ends soon, however many bytes come`() {
        var before = machine("x\r\n")
        _ = before.next(now: start)
        before.responded(now: start)
        _ = before.next(now: start)
        before.drain(now: after(1_000))
        feed("x", &before, after(1_500))
        #expect(word(before.next(now: after(1_500))) == "read until 3000")

        var after = machine("x\r\n")
        after.drain(now: start)
        _ = after.next(now: start)
        after.responded(now: start)
        _ = after.next(now: start)
        feed("x", &after, self.after(1_500))
        #expect(word(after.next(now: self.after(1_500))) == "read until 2000")
    }

    @Test func `a connection beyond the limit is refused unread, and lingers`() {
        var machine = ConnectionStateMachine(limits: limits, isTooMany: true, now: start)
        #expect(word(machine.next(now: start)) == "refuse tooManyConnections")
        #expect(machine.closesAfterResponse)
        machine.responded(now: start)
        #expect(word(machine.next(now: start)) == "linger")
        #expect(word(machine.next(now: start)) == "read until 2000")
        feed(get, &machine, after(1))
        #expect(machine.input.isEmpty)
        #expect(word(machine.next(now: after(1))) == "read until 2000")
        #expect(word(machine.deadlinePassed(now: after(60_000))) == "close")
    }

    @Test func `lingering ends with the caller, or with its time`() {
        var left = machine("x\r\n")
        _ = left.next(now: start)
        left.responded(now: start)
        #expect(word(left.next(now: start)) == "linger")
        left.inputEnded()
        #expect(word(left.next(now: start)) == "close")
        var late = machine("x\r\n")
        _ = late.next(now: start)
        late.responded(now: start)
        _ = late.next(now: start)
        #expect(word(late.deadlinePassed(now: after(60_000))) == "close")
    }

    @Test func `a half-closed caller gets its answers`() {
        var machine = machine(get + get)
        machine.inputEnded()
        #expect(word(machine.next(now: start)) == "respond")
        machine.responded(now: start)
        #expect(word(machine.next(now: start)) == "respond")
        machine.responded(now: start)
        #expect(word(machine.next(now: start)) == "close")
    }

    @Test func `a drain closes idle connections after a grace period, without a reset`() {
        var idle = machine(get)
        _ = idle.next(now: start)
        idle.responded(now: start)
        #expect(word(idle.next(now: start)) == "read until 75000")
        idle.drain(now: after(5))
        #expect(word(idle.next(now: after(5))) == "read until 1005")
        #expect(word(idle.deadlinePassed(now: after(1_005))) == "linger")
        #expect(word(idle.next(now: after(1_005))) == "read until 3005")
        feed(get, &idle, after(1_006))
        #expect(word(idle.next(now: after(1_006))) == "read until 3005", "it comes too late")
        idle.inputEnded()
        #expect(word(idle.next(now: after(1_007))) == "close")
    }

    @Test func `the first request of a new connection is waited for when the server ends`() {
        var new = machine()
        #expect(word(new.next(now: start)) == "read until 75000")
        new.drain(now: after(5))
        #expect(word(new.next(now: after(5))) == "read until 10005")
        feed(get, &new, after(9_000))
        #expect(word(new.next(now: after(9_000))) == "respond")
        #expect(new.closesAfterResponse)

        var silent = machine()
        silent.drain(now: after(5))
        #expect(word(silent.next(now: after(5))) == "read until 10005")
        #expect(word(silent.deadlinePassed(now: after(10_005))) == "linger")

        var nearlyIdle = machine()
        nearlyIdle.drain(now: after(74_000))
        #expect(word(nearlyIdle.next(now: after(74_000))) == "read until 75000")
    }

    @Test func `a request that comes soon after the server's end is answered, for the last time`() {
        var found = machine(get)
        _ = found.next(now: start)
        found.responded(now: start)
        _ = found.next(now: start)
        found.drain(now: after(5))
        #expect(word(found.next(now: after(5))) == "read until 1005")
        feed(get, &found, after(1_004))
        #expect(word(found.next(now: after(1_004))) == "respond")
        found.answerBegun()
        #expect(found.closesAfterResponse)
        found.responded(now: after(1_004))
        #expect(word(found.next(now: after(1_004))) == "linger")

        var begun = machine("GET / HTTP/1.1\r\nHost")
        _ = begun.next(now: start)
        begun.drain(now: start)
        #expect(word(begun.next(now: start)) == "read until 10000")
        feed(": a\r\n\r\n" + get, &begun, after(1))
        #expect(word(begun.next(now: after(1))) == "respond")
        begun.answerBegun()
        #expect(begun.closesAfterResponse)
        begun.responded(now: after(1))
        #expect(word(begun.next(now: after(1))) == "linger")

        var answering = machine(get)
        #expect(word(answering.next(now: start)) == "respond")
        answering.drain(now: start)
        answering.answerBegun()
        #expect(answering.closesAfterResponse)
    }

    @Test func `an answer that left before the server ends is followed by one that says so`() {
        var pipelined = machine(get + get + get)
        #expect(word(pipelined.next(now: start)) == "respond")
        pipelined.answerBegun()
        #expect(!pipelined.closesAfterResponse)
        pipelined.drain(now: start)
        pipelined.responded(now: start)
        #expect(word(pipelined.next(now: start)) == "respond")
        pipelined.answerBegun()
        #expect(pipelined.closesAfterResponse)
        pipelined.responded(now: start)
        #expect(word(pipelined.next(now: start)) == "linger")

        var single = machine(get)
        _ = single.next(now: start)
        single.answerBegun()
        #expect(!single.closesAfterResponse)
        single.drain(now: start)
        single.responded(now: after(3))
        #expect(word(single.next(now: after(3))) == "read until 1003")
        #expect(word(single.deadlinePassed(now: after(1_003))) == "linger")
    }

    @Test func `an idle connection gives back a buffer that has grown`() {
        var machine = machine(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n"
                + String(repeating: "a", count: 16_000))
        #expect(word(machine.next(now: start)) == "respond")
        machine.responded(now: start)
        machine.idles()
        #expect(machine.input.capacity <= limits.keptBytesMax)
    }

    /// The state machine after these bytes, received in pieces as from a socket.
    private func stalled(_ text: String) -> ConnectionStateMachine {
        var machine = machine()
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty, case .read = machine.next(now: start) {
            let piece = rest.prefix(machine.readBytesMax)
            rest.removeFirst(piece.count)
            machine.input += piece
            machine.received(piece.count, now: start)
        }
        _ = machine.next(now: start)
        machine.idles()
        return machine
    }

    @Test func `a request that stalls in its chunks holds its content, and no framing`() {
        let start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let head = start.utf8.count
        func times(_ text: String, _ count: Int) -> String {
            String(repeating: text, count: count)
        }
        for (body, content, remainder) in [
            (times("1\r\na\r\n", 1_200), 1_200, 0),
            (times("0000000000000001\r\na\r\n", 300) + "00000000", 300, 8),
            (times("1;\(times("b", 1_000))\r\na\r\n", 6) + "1;bbb", 6, 5),
            ("1;\(times("b", 4_000))", 0, 4_002),
            ("3\r\nabc\r\n0\r\n" + times("A: b\r\n", 99) + "C: d", 3, 4),
            ("4000\r\n" + times("a", 16_384) + "\r", 16_384, 1),
            ("4000\r\n" + times("a", 1_000), 1_000, 0),
        ] {
            let machine = stalled(start + body)
            #expect(machine.input.count == head + content + remainder)
            #expect(machine.input.capacity <= machine.input.count + 2 * limits.keptBytesMax)
        }
    }

    @Test func `no more is read at once than the request may still have`() {
        let length = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16384\r\n\r\n"
        let filler = String(repeating: "a", count: 8_000)
        for text in [
            "", "GET / HTTP/1.1\r\nA: \(filler)", length, length + filler + filler,
            "POST / HTTP/1.1\r\nHost: a\r\nA: \(filler)\r\nContent-Length: 16384\r\n\r\n",
        ] {
            var machine = machine(text)
            _ = machine.next(now: start)
            let held = machine.input.count + machine.readBytesMax
            #expect(held <= limits.headBytesMax + limits.bodyBytesMax)
            #expect(machine.readBytesMax >= 1)
        }
    }

    @Test func `input beyond the memory limit is refused at once, and released`() {
        var machine = machine("POST / HTTP/1.1\r\nHost: a\r\nA: bbbbb")
        #expect(word(machine.next(now: start)) == "read until 10000")
        #expect(word(machine.inputRefused()) == "refuse tooMuchInput")
        #expect(machine.input.capacity == 0)
        #expect(machine.closesAfterResponse)
    }

    @Test func `the bounds agree with each other`() { HTTPLimits().check() }
}
