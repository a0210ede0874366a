internal import CoreAPIBase

/// The whole numbers of variables and options.
///
/// A leading zero is refused: some programs read `010` as eight, and a number that two programs
/// read differently is better refused at the start.
enum WholeNumber {
    /// The value of digits without a sign, a space or a leading zero; nil for another text, or if
    /// it overflows `Int`.
    static func read(_ text: Substring) -> Int? {
        let digits = Array(text.utf8)
        guard digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        return Digits.integer(0..<digits.count, of: digits.span)
    }

    /// What an error says would be right.
    static func expectation(_ bounds: ClosedRange<Int>) -> String {
        "a whole number from \(bounds.lowerBound) to \(bounds.upperBound), without leading zeros"
    }
}
