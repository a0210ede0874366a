/// An ISO 4217 currency code.
///
/// An accepted transaction has an active code of this build's table. A queued transaction may come
/// from a build with another year's table, so there any three capital letters are a code.
public struct CurrencyCode: Hashable, Sendable, CustomStringConvertible {
    /// The three letters, one byte each, the first letter in the most significant byte.
    private let letters: UInt32
    /// The index in the table; `unlisted` for a code that the table lacks.
    private let index: UInt8

    private static let unlisted = UInt8.max

    /// An active code; nil if the text is not an active code in upper case.
    public init?(_ code: String) {
        self.init(bytes: code.utf8.span)
    }

    init?(bytes code: Span<UInt8>) {
        guard let letters = CurrencyCode.pack(code),
            let index = CurrencyCode.index(of: letters)
        else { return nil }
        self.letters = letters
        self.index = index
    }

    /// The code of a queued transaction; nil if the text is not three capital letters.
    init?(queued code: String) {
        let code = code.utf8.span
        guard let letters = CurrencyCode.pack(code) else { return nil }
        for digit in code.indices where !(UInt8(ascii: "A")...UInt8(ascii: "Z") ~= code[digit]) {
            return nil
        }
        self.letters = letters
        index = CurrencyCode.index(of: letters) ?? CurrencyCode.unlisted
    }

    /// Every active code, in alphabetical order.
    public static let all = CurrencyTable.entries.indices.map { CurrencyCode(index: UInt8($0)) }

    /// Whether this build's table has the code. Only a consumer can get a code that the table
    /// lacks; its name, number and minor unit are unknown.
    public var isListed: Bool { index != CurrencyCode.unlisted }

    /// Three capital letters: `USD`.
    public var alphabetic: String {
        if let entry { return entry.code }
        return String(
            decoding: [UInt8](capacity: CurrencyCode.length) { append(to: &$0) }, as: UTF8.self)
    }

    /// The code's number: 840 for USD; 0 for a code that is not listed.
    public var numeric: Int { entry.map { Int($0.numeric) } ?? 0 }

    /// The decimal digits of the minor unit: 2 for USD, 0 for JPY. Nil for codes without a minor
    /// unit, such as gold (XAU) and the test code (XTS), and for a code that is not listed.
    public var minorUnit: Int? { entry?.minorUnit.map(Int.init) }

    /// The English name: `US Dollar`; the letters for a code that is not listed.
    public var name: String { entry?.name ?? alphabetic }

    /// Whether the code is a fund code, such as CLF: a unit of account, not of payment.
    public var isFund: Bool { use == .fund }

    /// The same as `alphabetic`.
    public var description: String { alphabetic }

    /// Appends the three letters.
    package func append(to text: inout OutputSpan<UInt8>) {
        text.append(UInt8(truncatingIfNeeded: letters &>> 16))
        text.append(UInt8(truncatingIfNeeded: letters &>> 8))
        text.append(UInt8(truncatingIfNeeded: letters))
    }

    /// The use of amounts in a currency.
    enum Use { case payment, fund, none }

    /// The currency's use; `none` for a code that is not listed. A separate table avoids copying an
    /// entry, which would dominate the cost on the hot path.
    var use: Use { isListed ? CurrencyCode.uses[Int(index)] : .none }

    private static let uses = CurrencyTable.entries.map { entry in
        if CurrencyTable.funds.contains(entry.code) { return Use.fund }
        return entry.minorUnit == nil ? Use.none : .payment
    }

    /// The number of letters of a code.
    package static let length = 3

    private init(index: UInt8) {
        self.index = index
        letters = CurrencyCode.packed[Int(index)]
    }

    private var entry: CurrencyTable.Entry? {
        isListed ? CurrencyTable.entries[Int(index)] : nil
    }

    /// The codes as numbers, sorted like the table, for a search without strings.
    private static let packed = CurrencyTable.entries.map { pack($0.code.utf8.span) ?? 0 }

    private static func index(of wanted: UInt32) -> UInt8? {
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
