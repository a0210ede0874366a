@testable import CoreAPIBase
@testable import CoreAPIHTTP

/// The actions of a connection's state machine as lines of text: each request, each refusal, and
/// the end.
struct Transcript {
    /// `POST /transaction {…}`, `refuse …`, `linger`, `close`, `waits`.
    private(set) var lines: [String] = []

    private var machine: ConnectionStateMachine
    private let now = MonotonicTime(nanoseconds: 1_000_000_000)

    /// The actions for bytes that arrive in these pieces. Then the caller ends its output or stays
    /// silent.
    init(_ pieces: [ArraySlice<UInt8>], thenEnds: Bool, limits: HTTPLimits = HTTPLimits()) {
        machine = ConnectionStateMachine(limits: limits, now: now)
        for piece in pieces {
            guard run() else { return }
            machine.input += piece
            machine.received(piece.count, now: now)
        }
        guard run() else { return }
        if thenEnds {
            machine.inputEnded()
            _ = run()
        } else {
            lines.append("waits")
        }
    }

    /// Runs the machine until it returns `read`; false once it is closed.
    private mutating func run() -> Bool {
        while true {
            switch machine.next(now: now) {
            case .read: return true
            case .decideOnExpectation: break
            case .respond(let body):
                lines.append(describe(machine.head, body))
                machine.responded(now: now)
            case .refuse(let refusal):
                lines.append("refuse \(refusal)")
                machine.responded(now: now)
            case .linger: lines.append("linger")
            case .close:
                lines.append("close")
                return false
            }
        }
    }

    private func describe(_ head: RequestHead, _ body: Range<Int>) -> String {
        let content = machine.input[body]
        var path = "*"
        if case .path(let range) = head.target {
            path = String(decoding: machine.input[range], as: UTF8.self)
        }
        return "\(head.method.rawValue) \(path) \(String(decoding: content, as: UTF8.self))"
    }

    /// The lines for these bytes in one piece. Checks that every split into two pieces, and single
    /// bytes, give the same lines.
    static func lines(
        _ text: String, thenEnds: Bool = true, limits: HTTPLimits = HTTPLimits(),
        differently: (String) -> Void
    ) -> [String] {
        lines(Array(text.utf8), thenEnds: thenEnds, limits: limits, differently: differently)
    }

    static func lines(
        _ bytes: [UInt8], thenEnds: Bool = true, limits: HTTPLimits = HTTPLimits(),
        differently: (String) -> Void
    ) -> [String] {
        let whole = Transcript([bytes[...]], thenEnds: thenEnds, limits: limits).lines
        // For a long input, splits at both ends and at samples bound the duration.
        let step = bytes.count > 2_000 ? 97 : 1
        for index in stride(from: 0, through: bytes.count, by: step) {
            let split = Transcript(
                [bytes[..<index], bytes[index...]].filter { !$0.isEmpty }, thenEnds: thenEnds,
                limits: limits
            ).lines
            if split != whole { differently("split at \(index): \(split), whole: \(whole)") }
        }
        if bytes.count <= 20_000 {
            let single = Transcript(
                bytes.indices.map { bytes[$0...$0] }, thenEnds: thenEnds, limits: limits
            ).lines
            if single != whole { differently("byte by byte: \(single), whole: \(whole)") }
        }
        return whole
    }
}
