internal import CoreAPIRedis

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

extension RedisCommand {
    /// Adds the currency's three letters.
    mutating func word(_ currency: CurrencyCode) {
        word(count: CurrencyCode.length) { currency.append(to: &$0) }
    }
}
