internal import CoreAPIBase

/// The answer of a collector that has taken a part of the spans (OTLP/HTTP, 'Partial Success').
enum OTLPPartialSuccess {
    /// How many spans the collector has rejected; nil if it took all, or if the answer does not
    /// say.
    static func rejectedSpans(_ body: [UInt8]) -> Int? {
        let count = try? read(body.span)
        return count.flatMap { $0 }.flatMap { $0 > 0 ? $0 : nil }
    }

    private static func read(_ bytes: Span<UInt8>) throws(JSONError) -> Int? {
        var reader = JSONReader()
        guard try reader.beginsObject(bytes) else { return nil }
        var isFirst = true
        while let name = try reader.nextMember(bytes, isFirst: isFirst) {
            isFirst = false
            guard name.equals("partialSuccess", bytes) else {
                _ = try reader.value(bytes, depth: 1)
                continue
            }
            return try rejectedSpans(&reader, bytes)
        }
        return nil
    }

    private static func rejectedSpans(
        _ reader: inout JSONReader, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int? {
        guard try reader.beginsObject(bytes) else { return nil }
        var isFirst = true
        while let name = try reader.nextMember(bytes, isFirst: isFirst) {
            isFirst = false
            let value = try reader.value(bytes, depth: 2)
            guard name.equals("rejectedSpans", bytes) else {
                continue
            }
            // A 64-bit number is a string in this encoding; a number is accepted, too.
            switch value {
            case .text(let text): return Int(String(decoding: text.decoded(bytes), as: UTF8.self))
            case .number(let number): return Digits.integer(number.range, of: bytes)
            default: return nil
            }
        }
        return nil
    }
}
