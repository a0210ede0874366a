package import CoreAPIBase

/// A complete response to a request of the client.
package struct HTTPResponse: Equatable, Sendable {
    /// The status code, 100 to 999; a redirect is a status like others.
    package let status: Int
    /// The content.
    package let body: [UInt8]
    private let head: [UInt8]
    private let fields: [Field]

    /// The place of a field in the head.
    struct Field: Equatable, Sendable {
        let name: Range<Int>
        let value: Range<Int>
    }

    init(status: Int, body: [UInt8], head: [UInt8], fields: [Field]) {
        (self.status, self.body, self.head, self.fields) = (status, body, head, fields)
    }

    /// The values of all fields of a name, in their order.
    ///
    /// - Parameter name: in lower case, at most 24 bytes.
    package func values(of name: ShortText) -> [[UInt8]] {
        fields.compactMap { field in
            Grammar.equalsIgnoringCase(name, field.name, head.span) ? Array(head[field.value]) : nil
        }
    }

    /// How many seconds the response stays fresh (RFC 9111 §4.2): `max-age` without the `Age` that
    /// a cache on the way reports; 0 with `no-store` or `no-cache`. Nil without these directives.
    /// `Expires` is not read.
    package var freshSeconds: Int? {
        var maximum: Int?
        var isUncacheable = false
        for value in values(of: "cache-control") {
            let bytes = value.span
            Grammar.forEachElement(0..<value.count, bytes) { directive in
                if Grammar.equalsIgnoringCase("no-store", directive, bytes)
                    || Grammar.equalsIgnoringCase("no-cache", directive, bytes)
                {
                    isUncacheable = true
                } else if let seconds = HTTPResponse.maximumAge(directive, bytes) {
                    maximum = min(maximum ?? seconds, seconds)
                }
            }
        }
        if isUncacheable { return 0 }
        let age = seconds(of: "age")
        return maximum.map { max(0, $0 - (age ?? 0)) }
    }

    /// The value of a field that is a number of seconds; nil without the field, or for another
    /// value. A number that overflows is the largest one (RFC 9111 §1.2.2).
    package func seconds(of name: ShortText) -> Int? {
        values(of: name).first.flatMap { Digits.clampedInteger(0..<$0.count, of: $0.span) }
    }

    /// The seconds of `Retry-After` (RFC 9110 §10.2.3), which may be a date: 0 for a past one. Nil
    /// without the field, or for another value.
    package func retryAfterSeconds(now: UnixTime) -> Int? {
        if let seconds = seconds(of: "retry-after") { return seconds }
        guard let text = values(of: "retry-after").first,
            let date = UnixTime(httpDate: text.span)
        else { return nil }
        return Int(max(0, date.wholeSeconds - now.wholeSeconds))
    }

    /// The seconds of `max-age=N` (RFC 9111 §5.2.2.1), also as a quoted string (§5.2); nil for
    /// another directive. A number that overflows is the largest one (§1.2.2).
    private static func maximumAge(_ directive: Range<Int>, _ bytes: Span<UInt8>) -> Int? {
        guard let equals = ASCII.find(UInt8(ascii: "="), directive, of: bytes),
            Grammar.equalsIgnoringCase("max-age", directive.lowerBound..<equals, bytes)
        else { return nil }
        var digits = (equals + 1)..<directive.upperBound
        if digits.count >= 2, bytes[digits.lowerBound] == UInt8(ascii: "\""),
            bytes[digits.upperBound - 1] == UInt8(ascii: "\"")
        {
            digits = (digits.lowerBound + 1)..<(digits.upperBound - 1)
        }
        return Digits.clampedInteger(digits, of: bytes)
    }
}
