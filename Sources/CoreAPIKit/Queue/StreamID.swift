internal import CoreAPIBase

/// The id of a stream's entry: the time at which Redis took it, and a number within that
/// millisecond, `1526919030474-55`.
struct StreamID: Equatable {
    /// Since 1970; up to the year 2262, what `UnixTime` holds.
    let milliseconds: Int
    let sequence: Int

    private static let millisecondsMax = Int(Int64.max / 1_000_000)

    init?(_ bytes: Span<UInt8>) {
        guard let dash = ASCII.find(UInt8(ascii: "-"), bytes.indices, of: bytes),
            let milliseconds = Digits.integer(0..<dash, of: bytes),
            milliseconds <= StreamID.millisecondsMax,
            let sequence = Digits.integer((dash + 1)..<bytes.count, of: bytes)
        else { return nil }
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    private init(milliseconds: Int, sequence: Int) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// The least id that is greater.
    var next: StreamID {
        sequence == .max
            ? StreamID(milliseconds: milliseconds + 1, sequence: 0)
            : StreamID(milliseconds: milliseconds, sequence: sequence + 1)
    }

    var text: String { "\(milliseconds)-\(sequence)" }
}
