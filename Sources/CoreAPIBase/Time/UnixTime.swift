/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX).
public struct UnixTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since 1970.
    public let nanoseconds: Int64

    /// - Parameter nanoseconds: since 1970, up to the year 2262; a negative number counts as 0.
    public init(nanoseconds: Int64) { self.nanoseconds = max(nanoseconds, 0) }

    /// - Parameter seconds: since 1970; a time before 1970 counts as 1970, one after the year 2262
    ///   as the last one that there is.
    public init(seconds: Int64) {
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        self.init(nanoseconds: overflows ? (seconds < 0 ? 0 : .max) : product)
    }

    /// Whether `left` is earlier than `right`.
    public static func < (left: UnixTime, right: UnixTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Seconds since 1970 with fractions: JWT's NumericDate (RFC 7519 §2).
    public var numericDate: Double { Double(nanoseconds) / 1e9 }

    /// Whole seconds since 1970.
    public var wholeSeconds: Int64 { nanoseconds / 1_000_000_000 }

    /// `2021-11-04T11:57:11.123456Z`: RFC 3339 in UTC, always with six fractional digits. The
    /// workers of python-rq parse no other form.
    public var timestamp: String {
        String(
            decoding: [UInt8](capacity: UnixTime.timestampLength) { append(to: &$0) }, as: UTF8.self
        )
    }

    /// Parses RFC 3339 in UTC: a `Z` suffix, zero to nine fractional digits, years 1970 to 2261.
    package init?(timestamp text: Span<UInt8>) {
        let separators = [4: "-", 7: "-", 10: "T", 13: ":", 16: ":"]
        guard text.count >= 20, text[text.count - 1] == UInt8(ascii: "Z"),
            separators.allSatisfy({ ASCII.equal($1, $0..<($0 + 1), of: text) }),
            let year = Digits.integer(0..<4, of: text), 1_970...2_261 ~= year,
            let month = Digits.integer(5..<7, of: text),
            let day = Digits.integer(8..<10, of: text),
            let days = CivilDate.daysSince1970(year: year, month: month, day: day),
            let hour = Digits.integer(11..<13, of: text), hour < 24,
            let minute = Digits.integer(14..<16, of: text), minute < 60,
            let second = Digits.integer(17..<19, of: text), second < 60,
            let fraction = UnixTime.fraction(19..<(text.count - 1), of: text)
        else { return nil }
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
        nanoseconds = Int64(seconds) * 1_000_000_000 + Int64(fraction)
    }

    /// Parses `.` and one to nine digits as nanoseconds; 0 for an empty range.
    private static func fraction(_ range: Range<Int>, of text: Span<UInt8>) -> Int? {
        if range.isEmpty { return 0 }
        let digits = range.dropFirst()
        guard text[range.lowerBound] == UInt8(ascii: "."), 1...9 ~= digits.count,
            var value = Digits.integer(digits, of: text)
        else { return nil }
        for _ in digits.count..<9 { value *= 10 }
        return value
    }

    /// Length of the timestamp in bytes.
    package static let timestampLength = 27

    /// Appends the timestamp.
    package func append(to text: inout OutputSpan<UInt8>) {
        let date = CivilDate(daysSince1970: Int(wholeSeconds / 86_400))
        let second = Int(wholeSeconds % 86_400)
        let (hour, minute) = (second / 3_600, second / 60 % 60)
        let microseconds = Int(nanoseconds % 1_000_000_000 / 1_000)
        // Eight digits at once: the marks replace the zeros that they stand for.
        func digits(_ number: Int, _ marks: EightBytes) -> EightBytes {
            let zeros: EightBytes = "00000000"
            return EightBytes(word: ASCII.decimalDigits(number).word ^ zeros.word ^ marks.word)
        }
        text.append(eights: [
            digits(date.year * 10_000 + date.month * 10, "0000-00-"),
            digits(date.day * 1_000_000 + hour * 1_000 + minute, "00T00:00"),
            digits(second % 60 * 100_000 + microseconds / 100, ":00.0000"),
        ])
        text.append(eight: digits(microseconds % 100 * 10, "0000000Z"), droppingFirst: 5)
    }
}

/// A day of the proleptic Gregorian calendar.
package struct CivilDate: Equatable {
    package let year: Int
    /// 1 to 12.
    package let month: Int
    /// 1 to 31.
    package let day: Int

    /// - Parameter daysSince1970: not negative.
    package init(daysSince1970: Int) {
        // A year starts in March here, so that the leap day is its last day. An era has 400 years.
        let days = daysSince1970 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// The inverse of `init`: days since 1970 of a date; nil if the date does not exist or is
    /// before 1970.
    package static func daysSince1970(year: Int, month: Int, day: Int) -> Int? {
        guard year >= 1_970, 1...12 ~= month, 1...31 ~= day else { return nil }
        let yearFromMarch = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let leapDays = yearFromMarch / 4 - yearFromMarch / 100 + yearFromMarch / 400
        let days = yearFromMarch * 365 + leapDays + dayOfYear - 719_468
        // A day beyond the end of the month (30 February) yields a date in the next month.
        return CivilDate(daysSince1970: days).day == day ? days : nil
    }
}
