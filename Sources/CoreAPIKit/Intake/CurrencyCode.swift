/// An active currency code of ISO 4217.
public struct CurrencyCode: Hashable, Sendable, CustomStringConvertible {
    private let index: UInt8

    /// Nil if the text is not, in upper case, an active code.
    public init?(_ code: String) {
        self.init(bytes: code.utf8.span)
    }

    init?(bytes code: Span<UInt8>) {
        guard let index = CurrencyCode.index(of: code) else { return nil }
        self.index = index
    }

    /// Every active code, in alphabetical order.
    public static let all = CurrencyTable.entries.indices.map { CurrencyCode(index: UInt8($0)) }

    /// Three capital letters: `USD`.
    public var alphabetic: String { entry.code }

    /// The code's number: 840 for USD.
    public var numeric: Int { Int(entry.numeric) }

    /// How many decimal digits the minor unit has: 2 for USD, 0 for JPY. Nil for codes in which
    /// nothing can be charged, such as gold (XAU) and the test code (XTS).
    public var minorUnit: Int? { entry.minorUnit.map(Int.init) }

    /// Whether it is a fund code, such as CLF: a unit of account that nobody pays in.
    public var isFund: Bool { use == .fund }

    /// The English name: `US Dollar`.
    public var name: String { entry.name }

    /// The same as `alphabetic`.
    public var description: String { alphabetic }

    /// Appends the three letters.
    package func append(to text: inout OutputSpan<UInt8>) {
        let letters = CurrencyCode.packed[Int(index)]
        text.append(UInt8(truncatingIfNeeded: letters &>> 16))
        text.append(UInt8(truncatingIfNeeded: letters &>> 8))
        text.append(UInt8(truncatingIfNeeded: letters))
    }

    /// What amounts in a currency can be used for.
    enum Use { case payment, fund, none }

    /// Looked up by itself: an entry's copy would cost more than all else here.
    var use: Use { CurrencyCode.uses[Int(index)] }

    private static let uses = CurrencyTable.entries.map { entry in
        if CurrencyTable.funds.contains(entry.code) { return Use.fund }
        return entry.minorUnit == nil ? Use.none : .payment
    }

    /// How many letters a code has.
    package static let length = 3

    private init(index: UInt8) { self.index = index }

    private var entry: CurrencyTable.Entry { CurrencyTable.entries[Int(index)] }

    /// The codes as numbers, sorted like the table, for a search without strings.
    private static let packed = CurrencyTable.entries.map { pack($0.code.utf8.span) ?? 0 }

    private static func index(of code: Span<UInt8>) -> UInt8? {
        guard let wanted = pack(code) else { return nil }
        var (low, high) = (0, packed.count)
        while low < high {
            let middle = (low + high) / 2
            if packed[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low < packed.count && packed[low] == wanted ? UInt8(low) : nil
    }

    private static func pack(_ code: Span<UInt8>) -> UInt32? {
        guard code.count == 3 else { return nil }
        return UInt32(code[0]) << 16 | UInt32(code[1]) << 8 | UInt32(code[2])
    }
}
