@testable internal import CoreAPIBase
@testable internal import CoreAPIHTTP

/// The bytes of one connection: for every split of the input the machine behaves the same, keeps
/// its limits and delivers only requests that RFC 9112 allows (`RequestChecks`).
enum RequestTarget {
    static func run(_ bytes: [UInt8]) {
        for limits in [HTTPLimits(), tightLimits] {
            for thenEnds in [true, false] {
                let whole = RequestTrace(limits, thenEnds: thenEnds, checks: true)
                    .run([bytes[...]])
                for pieces in Derived.splits(of: bytes) {
                    let split = RequestTrace(limits, thenEnds: thenEnds).run(pieces)
                    demand(
                        split == whole,
                        "pieces of \(pieces.map(\.count)) bytes give \(split), whole: \(whole)")
                }
            }
            runDisturbed(bytes, limits)
        }
    }

    /// Limits that a small input reaches.
    private static var tightLimits: HTTPLimits {
        var limits = HTTPLimits()
        limits.headBytesMax = 96
        limits.fieldsMax = 3
        limits.targetBytesMax = 24
        limits.methodBytesMax = 8
        limits.bodyBytesMax = 20
        limits.chunkOverheadBytesMax = 40
        limits.chunkLineBytesMax = 24
        limits.keptBytesMax = 16
        limits.ownBytesMax = 16
        limits.check()
        return limits
    }

    /// The machine with everything that may happen besides: it need not do the same, but it must
    /// not trap.
    private static func runDisturbed(_ bytes: [UInt8], _ limits: HTTPLimits) {
        let several = Derived.splits(of: bytes).dropFirst().first ?? [bytes[...]]
        var trace = RequestTrace(limits, thenEnds: false)
        trace.disturbances = Derived(from: bytes)
        _ = trace.run(several)
    }
}

/// An action of a machine.
enum RequestEvent: Equatable {
    /// How many bytes the request had, where that can be seen.
    case request(RequestHead, content: [UInt8], byteCount: Int?)
    case refused(HTTPRefusal)
    case lingers
    case closes
    case waits
}

/// Drives one machine as `Connection` does, and checks each of its answers.
struct RequestTrace {
    /// If it is there, some expectations are rejected, and the server drains at some time.
    var disturbances: Derived?

    private let limits: HTTPLimits
    private let thenEnds: Bool
    /// Whether requests are read a second time; one of several equal traces is enough.
    private let checks: Bool
    private var machine: ConnectionStateMachine
    private var events: [RequestEvent] = []
    private var lingers = false
    /// The bytes that were sent and not answered, without the framing of a chunked body.
    private var sent: [UInt8] = []
    private let now = MonotonicTime(nanoseconds: 1_000_000_000)

    init(_ limits: HTTPLimits, thenEnds: Bool, checks: Bool = false) {
        self.limits = limits
        self.checks = checks
        self.thenEnds = thenEnds
        machine = ConnectionStateMachine(limits: limits, now: now)
    }

    /// The events for bytes that arrive in these pieces, after which the caller ends or is silent.
    consuming func run(_ pieces: [ArraySlice<UInt8>]) -> [RequestEvent] {
        for piece in pieces {
            guard advance() else { return events }
            sent += piece
            machine.input += piece
            machine.received(piece.count, now: now)
            machine.idles()
            if chance(oneIn: 16) { machine.drain(now: now) }
        }
        guard advance() else { return events }
        if thenEnds {
            machine.inputEnded()
            _ = advance()
        } else {
            events.append(.waits)
            if disturbances != nil { missDeadline() }
        }
        return events
    }

    /// Goes on until the machine wants to read; false once it is closed.
    private mutating func advance() -> Bool {
        while true {
            let action = machine.next(now: now)
            guard case .read = action else {
                guard perform(action) else { return false }
                continue
            }
            let framing = limits.headBytesMax + limits.chunkOverheadBytesMax
            demand(
                machine.input.count <= framing + limits.bodyBytesMax,
                "more is read on top of \(machine.input.count) bytes")
            return true
        }
    }

    /// Performs an action, except a read. False once the machine is closed.
    private mutating func perform(_ action: ConnectionStateMachine.Action) -> Bool {
        switch action {
        case .read: break
        case .decideOnExpectation:
            // Whether it is asked depends on how the bytes arrive: it may be left out.
            demand(
                machine.head.expectsContinue, "100 Continue without an expectation")
            if chance(oneIn: 2) {
                machine.expectationRejected()
                machine.responded(now: now)
            }
        case .respond(let body): respond(machine.head, body)
        case .refuse(let refusal):
            machine.answerBegun()
            demand(machine.closesAfterResponse, "a refusal is not the last answer")
            events.append(.refused(refusal))
            machine.responded(now: now)
        case .linger:
            demand(!lingers, "writing is shut down twice")
            lingers = true
            events.append(.lingers)
        case .close:
            events.append(.closes)
            return false
        }
        return true
    }

    private mutating func respond(_ head: RequestHead, _ body: Range<Int>) {
        demand(!lingers, "a request is answered after the last answer")
        let before = machine.input
        let content = Array(before[body])
        if checks {
            let end = RequestChecks(head, sent, limits).check(body, content)
            sent.removeFirst(end)
            demand(before[body.upperBound...] == sent[...], "the next request begins elsewhere")
        }
        machine.answerBegun()
        let closes = machine.closesAfterResponse
        machine.responded(now: now)
        let byteCount = closes ? nil : before.count - machine.input.count
        demand(closes || byteCount == body.upperBound, "the request has another length")
        events.append(.request(head, content: content, byteCount: byteCount))
        if case .path(let path) = head.target { checkMatch(path, before) }
        _ = AcceptedTypes(head.acceptedTypes(in: before.span) ?? []).weight(
            of: "a/b", versions: ["1"])
    }

    private static let routes = RouteTable([
        Route(.get, "/", 0), Route(.get, "/a/{x}", 1), Route(.get, "/{x}", 2),
    ])

    /// A parameter is one segment of bounded length.
    private func checkMatch(_ path: Range<Int>, _ bytes: [UInt8]) {
        guard let match = Self.routes.match(path, bytes.span) else { return }
        let parameter = match.parameter
        demand((match.resource == 0) == parameter.isEmpty, "\(match)")
        demand(parameter.count <= 256, "a parameter of \(parameter.count) bytes")
        demand(!parameter.contains(UInt8(ascii: "/")), "a parameter with a slash")
    }

    private mutating func missDeadline() {
        if perform(machine.deadlinePassed(now: now)) { _ = advance() }
    }

    private mutating func chance(oneIn bound: Int) -> Bool {
        disturbances?.number(below: bound) == 0
    }
}
