/// An amount of money to charge, in the currency's minor unit: 100 with USD is one dollar.
public struct Amount: Hashable, Comparable, Sendable {
    /// 1 to 2^53-1: what every JSON reader represents exactly (RFC 8259 §6). What a consumer is
    /// given may be more, if another build has taken it in.
    public static let bounds = 1...9_007_199_254_740_991

    /// How many of the currency's minor unit.
    public let minorUnits: Int

    /// Nil if the amount is out of `bounds`.
    public init?(_ minorUnits: Int) {
        guard Amount.bounds.contains(minorUnits) else { return nil }
        self.minorUnits = minorUnits
    }

    /// The amount of a transaction that is queued, which no `bounds` judge: another build may have
    /// taken in more. Nil if it is not positive.
    init?(queued minorUnits: Int) {
        guard minorUnits > 0 else { return nil }
        self.minorUnits = minorUnits
    }

    /// Whether the left amount is less, as a number: currencies are not looked at.
    public static func < (left: Amount, right: Amount) -> Bool {
        left.minorUnits < right.minorUnits
    }
}
