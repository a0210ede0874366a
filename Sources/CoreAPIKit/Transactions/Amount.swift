/// An amount of money to charge, in the currency's minor unit: 100 with USD is one dollar.
public struct Amount: Hashable, Comparable, Sendable {
    /// The bounds of an accepted amount: 1 to 2^53-1, which every JSON reader represents exactly
    /// (RFC 8259 §6). A consumer may get a larger amount that another build accepted.
    public static let bounds = 1...9_007_199_254_740_991

    /// The amount in the currency's minor unit.
    public let minorUnits: Int

    /// An amount to accept; nil if it is out of `bounds`.
    public init?(_ minorUnits: Int) {
        guard Amount.bounds.contains(minorUnits) else { return nil }
        self.minorUnits = minorUnits
    }

    /// The amount of a queued transaction; nil if it is not positive. `bounds` do not apply:
    /// another build may have accepted a larger amount.
    init?(queued minorUnits: Int) {
        guard minorUnits > 0 else { return nil }
        self.minorUnits = minorUnits
    }

    /// Whether the left number is less than the right one, whatever their currencies.
    public static func < (left: Amount, right: Amount) -> Bool {
        left.minorUnits < right.minorUnits
    }
}
