@testable import CoreAPIBase
@testable import CoreAPIHTTP
@testable import CoreAPIHTTPTests

/// The expected events, computed from the requests alone.
extension HTTPSimulation {
    /// Compares the events with those of the same bytes in one piece, if only the fragments can
    /// make a difference.
    func differsFromWhole() -> String? {
        let isComparable =
            !mayBeCut && !waitedLong && !isTooMany && endsAt != .never
            && !lines.contains { $0.hasPrefix("reject ") }
        guard isComparable else { return nil }
        let pieces = allBytes.isEmpty ? [] : [allBytes[...]]
        let whole = Transcript(pieces, thenEnds: true, limits: HTTPSimulation.limits).lines
        return whole == lines ? nil : "in one piece it is \(whole)"
    }

    /// Whether a deadline or the end of the server could have cut the sequence short.
    private var mayBeCut: Bool { hasDrained || lines.contains { $0.hasSuffix("timedOut") } }

    /// Compares the events with those that the requests, one after another, demand.
    func unexpected() -> String? {
        if isTooMany {
            let expected = ["refuse tooManyConnections", "linger", "close"]
            return lines == expected ? nil : "\(lines), though it is one too many"
        }
        var rest = lines[...]
        for request in requests {
            guard let line = rest.popFirst() else { return "it ends without a close" }
            switch request.expectation {
            case .respond(let expected, let closes):
                if line == expected {
                    if !closes, !(hasDrained && rest.first == "linger") { continue }
                } else if line.hasPrefix("reject "), expected.hasPrefix(line.dropFirst(7)) {
                } else {
                    return ended(line, rest) ? nil : "'\(line)' instead of '\(expected)'"
                }
            case .refuse(let refusal):
                let isExpected =
                    refusal.map { line == "refuse \($0)" } ?? line.hasPrefix("refuse malformed")
                if !isExpected {
                    return ended(line, rest) ? nil : "'\(line)' instead of '\(request)'"
                }
            }
            return rest == ["linger", "close"] ? nil : "\(rest) after the last answer"
        }
        guard let line = rest.popFirst() else { return "it ends without a close" }
        if isCutShort, line.hasPrefix("reject ") {
            return rest == ["linger", "close"] ? nil : line
        }
        if isCutShort, line == "refuse malformed(CoreAPIHTTP.HTTPRefusal.Reason.endedEarly)" {
            return rest == ["linger", "close"] ? nil : line
        }
        let isSilent = endsAt == .never
        if line == "close", !isCutShort || mayBeCut || isSilent { return nil }
        return ended(line, rest) ? nil : "'\(line)' after the last request"
    }

    /// Whether the connection ended early, and may have.
    private func ended(_ line: String, _ rest: ArraySlice<String>) -> Bool {
        if line == "refuse timedOut" { return rest == ["linger", "close"] }
        if line == "linger" { return rest == ["close"] && hasDrained }
        // Between requests, or at the end of the server.
        return line == "close" && rest.isEmpty && (hasDrained || waitedLong)
    }

    private var waitedLong: Bool {
        now.milliseconds(since: HTTPSimulation.start)
            >= HTTPSimulation.limits.idleTimeoutMilliseconds
    }
}
