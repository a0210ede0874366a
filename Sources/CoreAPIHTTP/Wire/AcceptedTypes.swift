internal import CoreAPIBase

/// The media ranges of `Accept` (RFC 9110 §12.5.1).
package struct AcceptedTypes {
    /// The list, without line breaks.
    let list: [UInt8]

    /// - Parameter list: empty without an `Accept` field. Of its elements the first
    ///   `Grammar.listElementsMax` count.
    package init(_ list: [UInt8]) { self.list = list }

    /// The highest weight (RFC 9110 §12.4.2) of the elements with a media range, in thousandths:
    /// 1,000 for an element without a weight; 0, not acceptable, for a malformed weight and for a
    /// media range that is not named.
    ///
    /// - Parameters:
    ///   - type: in lower case: `text/plain`, `text/*`, `*/*`.
    ///   - versions: the acceptable values of the parameter `version`, which may be absent; any
    ///     value without this list.
    package func weight(of type: StaticString, versions: [StaticString]? = nil) -> Int {
        let bytes = list.span
        var highest = 0
        Grammar.forEachElement(0..<list.count, bytes) { element in
            // A shorter element is another one.
            guard element.count >= type.utf8CodeUnitCount else { return }
            var parts = Parts(element)
            guard AcceptedTypes.equal(type, parts.next(bytes), bytes) else { return }
            var weight = 1_000
            while !parts.isEmpty {
                let parameter = parts.next(bytes)
                if let value = AcceptedTypes.value(of: "q=", parameter, bytes) {
                    weight = AcceptedTypes.weight(value, bytes)
                } else if let versions,
                    let value = AcceptedTypes.value(of: "version=", parameter, bytes),
                    !versions.contains(where: { AcceptedTypes.equal($0, value, bytes) })
                {
                    return
                }
            }
            highest = max(highest, weight)
        }
        return highest
    }

    /// The parts of an element, which semicolons separate.
    private struct Parts {
        private var rest: Range<Int>
        private(set) var isEmpty = false

        init(_ element: Range<Int>) { rest = element }

        mutating func next(_ bytes: Span<UInt8>) -> Range<Int> {
            let semicolon = ASCII.find(UInt8(ascii: ";"), rest, of: bytes)
            let part = Grammar.trimmed(rest.lowerBound..<(semicolon ?? rest.upperBound), bytes)
            isEmpty = semicolon == nil
            rest = (semicolon.map { $0 + 1 } ?? rest.upperBound)..<rest.upperBound
            return part
        }
    }

    /// The value of a parameter; nil if the part is another one.
    private static func value(
        of name: StaticString, _ part: Range<Int>, _ bytes: Span<UInt8>
    ) -> Range<Int>? {
        let end = part.lowerBound + name.utf8CodeUnitCount
        guard end <= part.upperBound, equal(name, part.lowerBound..<end, bytes) else { return nil }
        return end..<part.upperBound
    }

    /// Whether the range equals the word, ignoring case. The word must be in lower case.
    private static func equal(
        _ word: StaticString, _ range: Range<Int>, _ bytes: Span<UInt8>
    ) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        for (offset, index) in range.enumerated()
        where ASCII.lowercased(bytes[index]) != word.byte(at: offset) { return false }
        return true
    }

    /// A weight in thousandths: at most three digits after `0.`, or zeros after `1.`.
    private static func weight(_ value: Range<Int>, _ bytes: Span<UInt8>) -> Int {
        guard 1...5 ~= value.count, value.count == 1 || bytes[value.lowerBound + 1] == dot else {
            return 0
        }
        var (weight, unit) = (0, 1_000)
        for index in value where index != value.lowerBound + 1 {
            let digit = Int(bytes[index]) - Int(UInt8(ascii: "0"))
            guard 0...9 ~= digit else { return 0 }
            weight += digit * unit
            unit /= 10
        }
        return weight <= 1_000 ? weight : 0
    }

    private static let dot = UInt8(ascii: ".")
}
