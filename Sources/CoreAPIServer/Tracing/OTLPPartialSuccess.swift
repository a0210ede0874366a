internal import CoreAPIBase

/// The answer of a collector that has taken a part of the spans, or has taken them with a warning
/// (OTLP/HTTP, 'Partial Success').
struct OTLPPartialSuccess: Equatable {
    /// How many spans the collector has rejected; 0 if the answer does not say.
    private(set) var rejectedSpans = 0
    /// The collector's words; nil for none.
    private(set) var errorMessage: String?

    /// The longest message that is logged, in characters.
    private static let messageMax = 200

    /// The answer's body; a body that is not readable says nothing.
    init(_ body: [UInt8]) {
        var answer = self
        do { try answer.read(body.span) } catch { return }
        self = answer
    }

    /// What to log; nil for an answer without a complaint.
    var warning: String? {
        if rejectedSpans > 0 {
            return "the collector rejected \(rejectedSpans.counted("span"))"
                + (errorMessage.map { ": \($0)" } ?? "")
        }
        return errorMessage.map { "the collector took them, but says: \($0)" }
    }

    private mutating func read(_ bytes: Span<UInt8>) throws(JSONError) {
        var reader = JSONReader()
        guard try reader.beginsObject(bytes) else { return }
        var isFirst = true
        while let name = try reader.nextMember(bytes, isFirst: isFirst) {
            isFirst = false
            guard name.equals("partialSuccess", bytes) else {
                _ = try reader.value(bytes, depth: 1)
                continue
            }
            return try readMembers(&reader, bytes)
        }
    }

    private mutating func readMembers(
        _ reader: inout JSONReader, _ bytes: Span<UInt8>
    ) throws(JSONError) {
        guard try reader.beginsObject(bytes) else { return }
        var isFirst = true
        while let name = try reader.nextMember(bytes, isFirst: isFirst) {
            isFirst = false
            let value = try reader.value(bytes, depth: 2)
            if name.equals("rejectedSpans", bytes) {
                rejectedSpans = OTLPPartialSuccess.count(value, bytes)
            } else if name.equals("errorMessage", bytes), case .text(let text) = value {
                let message = String(decoding: text.decoded(bytes), as: UTF8.self)
                errorMessage =
                    message.isEmpty ? nil : String(message.prefix(OTLPPartialSuccess.messageMax))
            }
        }
    }

    /// A 64-bit number, which is a string in this encoding; a number is accepted, too.
    private static func count(_ value: JSONValue, _ bytes: Span<UInt8>) -> Int {
        switch value {
        case .text(let text):
            let digits = text.decoded(bytes)
            return Digits.clampedInteger(0..<digits.count, of: digits.span) ?? 0
        case .number(let number): return Digits.clampedInteger(number.range, of: bytes) ?? 0
        default: return 0
        }
    }
}
