internal import CoreAPIBase

extension UnixTime {
    /// Parses a date of HTTP (RFC 9110 §5.6.7), of the years 1970 to 2261, in each of its forms:
    /// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and
    /// `Sun Nov  6 08:49:37 1994`. The day of the week is not compared with the date.
    init?(httpDate text: Span<UInt8>) {
        var words = UnixTime.words(text)
        // The last form alone begins with the month, and ends with the year.
        if words.count == 7 {
            words.swapAt(1, 2)
            words.insert(words.removeLast(), at: 3)
        } else {
            guard words.count == 8, ASCII.equal("GMT", words.removeLast(), of: text) else {
                return nil
            }
        }
        guard let day = Digits.integer(words[1], of: text),
            let month = HTTPDate.months.firstIndex(where: { ASCII.equal($0, words[2], of: text) }),
            let year = UnixTime.year(words[3], of: text), 1_970...2_261 ~= year,
            let days = CivilDate.daysSince1970(year: year, month: month + 1, day: day),
            let hour = Digits.integer(words[4], of: text), hour < 24,
            let minute = Digits.integer(words[5], of: text), minute < 60,
            // 60: a leap second.
            let second = Digits.integer(words[6], of: text), second <= 60
        else { return nil }
        self.init(seconds: Int64(((days * 24 + hour) * 60 + minute) * 60 + second))
    }

    /// The year of four digits or of two: 70 to 99 are of the last century, as in POSIX.
    private static func year(_ range: Range<Int>, of text: Span<UInt8>) -> Int? {
        guard let number = Digits.integer(range, of: text) else { return nil }
        switch range.count {
        case 4: return number
        case 2: return number < 70 ? 2_000 + number : 1_900 + number
        default: return nil
        }
    }

    /// The words between spaces and marks; none of a text that is longer than a date.
    private static func words(_ text: Span<UInt8>) -> [Range<Int>] {
        guard text.count <= "Wednesday, 06-Nov-94 08:49:37 GMT".utf8.count else { return [] }
        var words: [Range<Int>] = []
        var start = 0
        for index in 0...text.count {
            let isWord =
                index < text.count && text[index] > UInt8(ascii: "-")
                && text[index] != UInt8(ascii: ":")
            if isWord { continue }
            if start < index { words.append(start..<index) }
            start = index + 1
        }
        return words
    }
}
