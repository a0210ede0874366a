@testable import CoreAPIBase
@testable import CoreAPIHTTP

/// Deliberate errors in the use of the machine, which the simulation must detect.
enum HTTPBreakage: CaseIterable {
    /// Pipelined bytes are dropped with an answer.
    case forgetsPipelined
    /// A drain ends a request that has begun.
    case closesAtDrain
    /// A deadline never expires.
    case neverTimesOut
    /// One read in a while misses its last byte.
    case losesBytes
}

/// The machine of a caller's connection against a caller, in virtual time: requests in any
/// fragments, half-closes, silence, and the end of the server at any moment.
struct HTTPSimulation {
    private static let stepsMax = 20_000
    static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)
    static let limits = RequestGenerator.limits
    /// After a drain: a head and a body that are under way, an answer, another one, lingering.
    private static let drainMilliseconds = 45_000

    private var random: SimulationRandom
    private let breakage: HTTPBreakage?
    private(set) var now = HTTPSimulation.start
    private var machine: ConnectionStateMachine

    // The caller's part.
    private(set) var requests: [GeneratedRequest] = []
    private var arrivals: [(time: MonotonicTime, bytes: ArraySlice<UInt8>)] = []
    private(set) var endsAt = MonotonicTime.never
    private var drainsAt = MonotonicTime.never
    private(set) var isCutShort = false
    private(set) var allBytes: [UInt8] = []
    private var readBytesMax = 0
    /// More connections than may be served are there.
    let isTooMany: Bool

    // The events so far.
    private var waiting: [UInt8] = []
    private var hasEnded = false
    private(set) var hasDrained = false
    private var lastAnswerCloses = false
    private var continued = false
    /// `METHOD PATH CONTENT`, `reject …`, `refuse …`, `linger`, `close`.
    private(set) var lines: [String] = []
    private(set) var violation: String?

    init(seed: UInt64, breakage: HTTPBreakage? = nil) {
        random = SimulationRandom(seed: seed)
        self.breakage = breakage
        isTooMany = random.chance(2)
        machine = ConnectionStateMachine(
            limits: HTTPSimulation.limits, isTooMany: isTooMany, now: now)
        chooseRequests()
    }

    private mutating func chooseRequests() {
        var generator = RequestGenerator()
        var bytes: [UInt8] = []
        for _ in 0..<random.integer(0...5) {
            requests.append(generator.next(&random))
            bytes += requests[requests.count - 1].bytes
        }
        if random.chance(20) {
            // The last request never becomes whole.
            let whole = generator.valid(&random).bytes
            bytes += whole.prefix(random.integer(1...(whole.count - 1)))
            isCutShort = true
        }
        readBytesMax = random.pick([16, 100, 4_096])
        allBytes = bytes
        chooseFragments(bytes)
    }

    private mutating func chooseFragments(_ bytes: [UInt8]) {
        let sizeMax = random.pick([1, 7, 60, 400, 10_000])
        let isSlow = random.chance(15)
        var time = now
        var position = 0
        while position < bytes.count {
            let count = min(random.integer(1...sizeMax), bytes.count - position)
            if random.chance(60) { time = time.advanced(byMilliseconds: random.integer(0...20)) }
            if isSlow, random.chance(5) {
                time = time.advanced(byMilliseconds: random.integer(1_000...100_000))
            }
            arrivals.append((time, bytes[position..<(position + count)]))
            position += count
        }
        if random.chance(70) { endsAt = time.advanced(byMilliseconds: random.integer(0...100)) }
        if random.chance(30) {
            let span = time.milliseconds(since: now) + 100
            drainsAt = now.advanced(byMilliseconds: random.integer(0...span))
        }
        arrivals.reverse()
    }

    private mutating func violate(_ rule: String) {
        if violation == nil { violation = rule }
    }

    // MARK: - The part of `Connection`

    /// Runs until the machine closes; returns the rule that was broken, if any.
    mutating func run() -> String? {
        var action = machine.next(now: now)
        for _ in 0..<HTTPSimulation.stepsMax {
            var urgent: ConnectionStateMachine.Action?
            switch action {
            case .read(let until): urgent = read(until)
            case .decideOnExpectation: decide(machine.head)
            case .respond(let body): answer(describe(machine.head, body))
            case .refuse(let refusal): answer("refuse \(refusal)")
            case .linger:
                lines.append("linger")
                if !lastAnswerCloses, !hasDrained {
                    violate("it lingers after an answer that goes on")
                }
            case .close:
                close()
                return violation
            }
            checkBounds()
            guard violation == nil else { return violation }
            action = urgent ?? machine.next(now: now)
        }
        violate("it does not end")
        return violation
    }

    private mutating func read(_ until: MonotonicTime) -> ConnectionStateMachine.Action? {
        if hasEnded { violate("it reads on after the end") }
        arrive()
        if !waiting.isEmpty {
            var fragment = Array(waiting.prefix(readBytesMax))
            waiting.removeFirst(fragment.count)
            if breakage == .losesBytes, random.chance(3) { fragment.removeLast() }
            machine.input += fragment
            machine.received(fragment.count, now: now)
            return nil
        }
        if arrivals.isEmpty, endsAt <= now {
            hasEnded = true
            machine.inputEnded()
            return nil
        }
        machine.idles()
        return wait(until)
    }

    /// Until something arrives, the server ends, or the time is over.
    private mutating func wait(_ until: MonotonicTime) -> ConnectionStateMachine.Action? {
        let limit = now.advanced(byMilliseconds: HTTPSimulation.limits.idleTimeoutMilliseconds)
        if until > limit { violate("it waits for longer than any deadline") }
        let event = min(arrivals.last?.time ?? endsAt, hasDrained ? .never : drainsAt)
        if breakage == .neverTimesOut, event == .never {
            violate("nothing ends the connection")
            return nil
        }
        guard event <= until || breakage == .neverTimesOut else {
            now = max(now, until)
            let holdsRequest = !machine.input.isEmpty
            let action = machine.deadlinePassed(now: now)
            if case .refuse = action {
            } else if holdsRequest, !lastAnswerCloses {
                violate("a request that has begun is dropped without a word")
            }
            return action
        }
        advance(to: event)
        return nil
    }

    private mutating func advance(to time: MonotonicTime) {
        now = max(now, time)
        if drainsAt <= now, !hasDrained {
            hasDrained = true
            machine.drain(now: now)
        }
        arrive()
    }

    private mutating func arrive() {
        while let next = arrivals.last, next.time <= now {
            waiting += next.bytes
            arrivals.removeLast()
        }
    }

    private mutating func decide(_ head: RequestHead) {
        if continued { violate("it asks twice about one expectation") }
        continued = true
        guard random.chance(25) else { return }
        let line = describe(head, 0..<0)
        machine.expectationRejected()
        answer("reject \(line)")
    }

    private mutating func answer(_ line: String) {
        if lastAnswerCloses { violate("an answer follows the last one") }
        lines.append(line)
        passTime()
        machine.answerBegun()
        lastAnswerCloses = machine.closesAfterResponse
        if hasDrained, !lastAnswerCloses { violate("an answer goes on though the server ends") }
        passTime()
        if lastAnswerCloses != machine.closesAfterResponse {
            violate("an answer has said what no longer holds")
        }
        machine.responded(now: now)
        if breakage == .forgetsPipelined { machine.input = [] }
        continued = false
    }

    /// To answer takes time, in which bytes arrive and the server may end.
    private mutating func passTime() {
        advance(to: now.advanced(byMilliseconds: random.pick([0, 0, 1, 40])))
    }

    private mutating func close() {
        lines.append("close")
        let end =
            drainsAt.milliseconds(since: HTTPSimulation.start) + HTTPSimulation.drainMilliseconds
        if hasDrained, now.milliseconds(since: HTTPSimulation.start) > end {
            violate("the end of the server takes too long")
        }
        if !lastAnswerCloses, !machine.input.isEmpty {
            violate("a request that has begun is dropped without a word")
        }
        guard case .close = machine.next(now: now) else { return violate("closed is not for good") }
    }

    private func describe(_ head: RequestHead, _ body: Range<Int>) -> String {
        let content = machine.input[body]
        var path = "*"
        if case .path(let range) = head.target {
            path = String(decoding: machine.input[range], as: UTF8.self)
        }
        return "\(head.method.rawValue) \(path) \(String(decoding: content, as: UTF8.self))"
    }

    private mutating func checkBounds() {
        let limits = HTTPSimulation.limits
        let most =
            limits.headBytesMax + limits.bodyBytesMax + limits.chunkOverheadBytesMax + readBytesMax
        if machine.input.count > most { violate("\(machine.input.count) bytes are held") }
        if breakage == .closesAtDrain, hasDrained, !machine.input.isEmpty { close() }
    }
}
