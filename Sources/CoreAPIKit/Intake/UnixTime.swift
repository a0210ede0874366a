/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX).
public struct UnixTime: Hashable, Comparable, Sendable {
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// - Parameter seconds: from 1970 on; up to the year 2262.
    public init(seconds: Int64) { self.nanoseconds = seconds * 1_000_000_000 }

    public static func < (left: UnixTime, right: UnixTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Seconds since 1970, with fractions, as JWT's NumericDate has them (RFC 7519 §2).
    public var numericDate: Double { Double(nanoseconds) / 1e9 }

    /// Whole seconds since 1970.
    public var wholeSeconds: Int64 { nanoseconds / 1_000_000_000 }

    /// `2021-11-04T11:57:11.123456Z`: RFC 3339 in UTC, always with six digits of a second's
    /// fraction. It is the only form that python-rq's workers can read.
    public var timestamp: String {
        var text: [UInt8] = []
        text.append(addingCapacity: UnixTime.timestampLength) { append(to: &$0) }
        return String(decoding: text, as: UTF8.self)
    }

    /// How many bytes the timestamp has.
    static let timestampLength = 27

    /// Appends the timestamp.
    func append(to text: inout OutputSpan<UInt8>) {
        let date = CivilDate(daysSince1970: Int(wholeSeconds / 86_400))
        let second = Int(wholeSeconds % 86_400)
        text.append(decimal: date.year, width: 4)
        text.append(UInt8(ascii: "-"))
        text.append(decimal: date.month, width: 2)
        text.append(UInt8(ascii: "-"))
        text.append(decimal: date.day, width: 2)
        text.append(UInt8(ascii: "T"))
        text.append(decimal: second / 3_600, width: 2)
        text.append(UInt8(ascii: ":"))
        text.append(decimal: second / 60 % 60, width: 2)
        text.append(UInt8(ascii: ":"))
        text.append(decimal: second % 60, width: 2)
        text.append(UInt8(ascii: "."))
        text.append(decimal: Int(nanoseconds % 1_000_000_000 / 1_000), width: 6)
        text.append(UInt8(ascii: "Z"))
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
        // Years are counted from March, so that the leap day is a year's last; eras have 400 years.
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
}
