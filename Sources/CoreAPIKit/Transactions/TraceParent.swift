internal import CoreAPIBase

/// A request's position in a distributed trace: the `traceparent` field of W3C Trace Context
/// (Level 1, §3.2), `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
///
/// The job carries the caller's field, or the producer's own span of the same trace, so that a
/// connector continues it.
public struct TraceParent: Hashable, Sendable, CustomStringConvertible {
    /// The trace's id, of which not both halves are 0.
    package let traceHigh: UInt64
    package let traceLow: UInt64
    /// The id of the span that the field names, not 0.
    private let parent: UInt64
    private let flags: UInt8

    /// Parses a `traceparent`; nil for an invalid one, which the specification says to ignore.
    ///
    /// From a version later than 00, only the fields of version 00 are used (§3.2.4).
    public init?(_ text: String) {
        self.init(field: 0..<text.utf8.count, Array(text.utf8).span)
    }

    /// The position of a span.
    package init(traceHigh: UInt64, traceLow: UInt64, parent: UInt64, isSampled: Bool) {
        precondition(
            traceHigh | traceLow != 0 && parent != 0, "TraceParent.init: an id of zeros")
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.parent = parent
        flags = isSampled ? 1 : 0
    }

    package init?(field: Range<Int>, _ bytes: Span<UInt8>) {
        guard field.count >= TraceParent.length else { return nil }
        let start = field.lowerBound
        func number(_ offset: Int, digits: Int) -> UInt64? {
            var number: UInt64 = 0
            for index in (start + offset)..<(start + offset + digits) {
                // The specification allows only lower-case digits.
                guard !(UInt8(ascii: "A")...UInt8(ascii: "F") ~= bytes[index]),
                    let digit = ASCII.hexadecimalValue(bytes[index])
                else { return nil }
                number = number << 4 | UInt64(digit)
            }
            return number
        }
        for hyphen in [2, 35, 52] where bytes[start + hyphen] != UInt8(ascii: "-") { return nil }
        guard let version = number(0, digits: 2), version != 0xFF,
            let high = number(3, digits: 16), let low = number(19, digits: 16),
            let parent = number(36, digits: 16), let flags = number(53, digits: 2),
            high | low != 0, parent != 0
        else { return nil }
        if field.count > TraceParent.length {
            guard version > 0, bytes[start + TraceParent.length] == UInt8(ascii: "-") else {
                return nil
            }
        }
        traceHigh = high
        traceLow = low
        self.parent = parent
        self.flags = UInt8(truncatingIfNeeded: flags)
    }

    /// The length of a `traceparent` of version 00, in characters.
    package static let length = 55

    /// The trace's id: 32 hexadecimal digits in lower case.
    public var traceID: String {
        String(decoding: [UInt8](capacity: 32) { appendTraceID(to: &$0) }, as: UTF8.self)
    }

    /// The span's id: 16 hexadecimal digits in lower case.
    public var parentID: String {
        String(
            decoding: [UInt8](capacity: 16) { $0.append(hexadecimal: parent, digits: 16) },
            as: UTF8.self)
    }

    /// Whether the caller may have recorded the trace (§3.2.2.5.1).
    public var isSampled: Bool { flags & 1 != 0 }

    /// The field's value, in the form of version 00.
    public var description: String { String(decoding: utf8, as: UTF8.self) }

    /// The field's value in bytes.
    package var utf8: [UInt8] { [UInt8](capacity: TraceParent.length) { append(to: &$0) } }

    /// Appends the field's value.
    package func append(to text: inout OutputSpan<UInt8>) {
        text.append("00-")
        appendTraceID(to: &text)
        text.append("-")
        text.append(hexadecimal: parent, digits: 16)
        text.append("-")
        text.append(hexadecimal: UInt64(flags), digits: 2)
    }

    private func appendTraceID(to text: inout OutputSpan<UInt8>) {
        text.append(hexadecimal: traceHigh, digits: 16)
        text.append(hexadecimal: traceLow, digits: 16)
    }
}
