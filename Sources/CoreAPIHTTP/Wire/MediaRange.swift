internal import CoreAPIBase

/// An element of `Accept` (RFC 9110 §12.5.1): a set of media types, and how much the caller wants
/// them.
package struct MediaRange: Equatable {
    /// In lower case: `text/plain`, `text/*`, `*/*`.
    package let type: String
    /// The parameters besides the weight, in lower case: `version=1.0.0`.
    package let parameters: [String]
    /// The weight (RFC 9110 §12.4.2), 0 to 1: 1 where the element has no weight, 0 (not acceptable)
    /// where its weight is malformed.
    package let quality: Double

    private init(_ element: Range<Int>, _ bytes: Span<UInt8>) {
        var parts: [String] = []
        var start = element.lowerBound
        while start <= element.upperBound {
            let end =
                ASCII.find(UInt8(ascii: ";"), start..<element.upperBound, of: bytes)
                ?? element.upperBound
            let part = Grammar.trimmed(start..<end, bytes)
            parts.append(String(decoding: part.map { bytes[$0] }, as: UTF8.self).lowercased())
            start = end + 1
        }
        type = parts.removeFirst()
        let weight = parts.first { $0.hasPrefix("q=") }
        parameters = parts.filter { !$0.isEmpty && !$0.hasPrefix("q=") }
        let quality = weight.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
        self.quality = (0...1).contains(quality) ? quality : 0
    }

    /// The elements of a value of `Accept`, empty ones excluded; the first
    /// `Grammar.listElementsMax` of them.
    package static func list(_ value: Span<UInt8>) -> [MediaRange] {
        var ranges: [MediaRange] = []
        Grammar.forEachElement(0..<value.count, value) { ranges.append(MediaRange($0, value)) }
        return ranges
    }
}
