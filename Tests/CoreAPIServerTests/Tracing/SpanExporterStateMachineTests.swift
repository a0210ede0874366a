import Testing

@testable import CoreAPIBase
@testable import CoreAPIServer

@Suite struct SpanExporterStateMachineTests {
    private typealias Machine = SpanExporterStateMachine

    private static func time(_ milliseconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: 0).advanced(byMilliseconds: milliseconds)
    }

    /// A machine whose first batch is under way, at second 1.
    private static func sending() -> Machine {
        var machine = Machine(now: time(0))
        #expect(machine.deadline == time(1_000))
        #expect(machine.deadlineReached(now: time(1_000)) == .send)
        #expect(machine.deadline == .never)
        return machine
    }

    @Test func `each second what waits is sent, and the next batch follows at once`() {
        var machine = Self.sending()
        #expect(machine.hurried(now: Self.time(1_001)) == .wait, "one request at a time")
        #expect(
            machine.answered(200, retryAfterSeconds: nil, now: Self.time(1_010), jitter: 1)
                == .delivered)
        #expect(machine.deadline == Self.time(1_010))
        #expect(machine.deadlineReached(now: Self.time(1_010)) == .send)
        machine.foundNothing(now: Self.time(1_010))
        #expect(machine.isIdle)
        #expect(machine.deadline == Self.time(2_010))
        #expect(machine.hurried(now: Self.time(1_500)) == .send)
    }

    @Test(arguments: [429, 502, 503, 504])
    func `an answer that may pass is followed by a pause, then by the same batch`(status: Int) {
        var machine = Self.sending()
        #expect(
            machine.answered(status, retryAfterSeconds: nil, now: Self.time(1_000), jitter: 1)
                == .wait)
        #expect(machine.deadline == Self.time(2_000))
        #expect(machine.hurried(now: Self.time(1_500)) == .wait)
        #expect(machine.deadlineReached(now: Self.time(2_000)) == .resend)
        #expect(machine.failed(now: Self.time(2_000), jitter: 1) == .wait)
        #expect(machine.deadline == Self.time(4_000), "the pause doubles")
    }

    @Test(arguments: [(3, 4_000), (0, 2_000), (3_600, 61_000), (.max, 61_000)])
    func `a collector's Retry-After is honoured, up to a minute`(asked: Int, end: Int) {
        var machine = Self.sending()
        #expect(
            machine.answered(503, retryAfterSeconds: asked, now: Self.time(1_000), jitter: 1)
                == .wait)
        #expect(machine.deadline == Self.time(end))
    }

    @Test(arguments: [400, 401, 404, 413, 500, 301, 100])
    func `another answer drops the batch at once`(status: Int) {
        var machine = Self.sending()
        #expect(
            machine.answered(status, retryAfterSeconds: 5, now: Self.time(1_000), jitter: 1)
                == .drop)
        #expect(machine.isIdle)
    }

    @Test func `a batch is dropped after five attempts`() {
        var machine = Self.sending()
        for _ in 1..<Machine.attemptsMax {
            #expect(
                machine.failed(
                    now: machine.deadline == .never ? Self.time(0) : machine.deadline, jitter: 0)
                    == .wait)
            #expect(machine.deadlineReached(now: machine.deadline) == .resend)
        }
        #expect(machine.failed(now: Self.time(90_000), jitter: 0) == .drop)
        #expect(machine.isIdle)
        #expect(machine.deadline > Self.time(90_000), "the next batch waits as long")
    }

    @Test(
        arguments: [
            ("", 0), ("{}", 0), ("[]", 0), ("{\"partialSuccess\":{}}", 0),
            (
                "{\"a\":[1,{\"partialSuccess\":2}],"
                    + "\"partialSuccess\":{\"x\":{},\"rejectedSpans\":\"7\"}}",
                7
            ),
            ("{\"partialSuccess\":{\"rejectedSpans\":3}}", 3),
            ("{\"partialSuccess\":{\"rejectedSpans\":\"0\"}}", 0),
            ("{\"partialSuccess\":{\"rejectedSpans\":\"-1\"}}", 0),
            ("{\"partialSuccess\":{\"rejectedSpans\":\"99999999999999999999\"}}", .max),
            ("{\"partialSuccess\":null}", 0), ("{\"partialSuccess\":{\"rejectedSpans\":", 0),
        ] as [(String, Int)])
    func `a partial success says how many spans were rejected`(body: String, count: Int) {
        #expect(OTLPPartialSuccess(Array(body.utf8)).rejectedSpans == count)
    }

    @Test func `a collector's message is a warning, also without rejected spans`() {
        func warning(_ members: String) -> String? {
            OTLPPartialSuccess(Array("{\"partialSuccess\":{\(members)}}".utf8)).warning
        }
        #expect(warning("\"rejectedSpans\":\"0\"") == nil)
        #expect(warning("\"errorMessage\":\"\"") == nil)
        #expect(
            warning("\"rejectedSpans\":\"0\",\"errorMessage\":\"old schema\"")
                == "the collector took them, but says: old schema")
        #expect(
            warning("\"errorMessage\":\"too old\",\"rejectedSpans\":\"2\"")
                == "the collector rejected 2 spans: too old")
        let long = String(repeating: "x", count: 5_000)
        #expect(warning("\"errorMessage\":\"\(long)\"")?.utf8.count ?? 0 < 300)
    }
}
