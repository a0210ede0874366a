internal import CoreAPIBase

/// A parsed JSON body. A field's flaw is stored, not thrown, because the token is verified first.
///
/// Members other than `amount`, `currency` and `token` are ignored.
struct TransactionRequest {
    /// The body's `token` member.
    enum TokenMember {
        case absent
        case null
        case text(JSONText)
        case otherType
        case repeated
    }

    private(set) var token = TokenMember.absent
    private(set) var amount = Field<Amount>.flaw(.missing)
    private(set) var currency = Field<CurrencyCode>.flaw(.missing)
    private(set) var isObject = true

    /// The names of the members that the parser looks for.
    private enum Name {
        static var amount: EightBytes { EightBytes("amount", from: 0) }
        static var currency: EightBytes { EightBytes("currency", from: 0) }
        static var token: EightBytes { EightBytes("token", from: 0) }
        static var none: EightBytes { EightBytes(word: 0) }
        static var all: InlineArray<3, EightBytes> { [amount, currency, token] }
    }

    /// A field's value or its flaw.
    enum Field<Value> {
        case value(Value)
        case flaw(FieldFlaw)
    }

    /// Parses the whole body; throws if it is not one JSON text (RFC 8259). A leading byte order
    /// mark is skipped.
    init(json bytes: Span<UInt8>) throws(JSONError) {
        var reader = JSONReader()
        reader.skipByteOrderMark(bytes)
        guard try reader.beginsObject(bytes) else {
            isObject = false
            _ = try reader.value(bytes)
            try reader.end(bytes)
            return
        }
        var isFirst = true
        var (sawAmount, sawCurrency) = (false, false)
        // A repeated member is a flaw. The parser stops looking for its name.
        var wanted = Name.all
        while let name = try reader.nextMember(bytes, isFirst: isFirst, among: wanted) {
            isFirst = false
            let value = try reader.value(bytes, depth: 1)
            if name == Name.amount {
                amount = sawAmount ? .flaw(.repeated) : Self.amount(value, bytes)
                if sawAmount { wanted[0] = Name.none }
                sawAmount = true
            } else if name == Name.currency {
                currency = sawCurrency ? .flaw(.repeated) : Self.currency(value, bytes)
                if sawCurrency { wanted[1] = Name.none }
                sawCurrency = true
            } else {
                token = Self.token(value, after: token)
                if case .repeated = token { wanted[2] = Name.none }
            }
        }
        try reader.end(bytes)
    }

    /// Both fields; throws the problems of all invalid fields.
    func fields() throws(IntakeRefusal) -> (Amount, CurrencyCode) {
        guard isObject else {
            throw .invalid([FieldProblem(pointer: "", detail: "the body is not a JSON object")])
        }
        return try Self.fields(amount, currency)
    }

    /// Both fields; throws the problems of every invalid field.
    static func fields(
        _ amount: Field<Amount>, _ currency: Field<CurrencyCode>
    ) throws(IntakeRefusal) -> (Amount, CurrencyCode) {
        if case .value(let amount) = amount, case .value(let currency) = currency {
            return (amount, currency)
        }
        var problems: [FieldProblem] = []
        if case .flaw(let flaw) = amount { problems.append(flaw.problem(with: .amount)) }
        if case .flaw(let flaw) = currency { problems.append(flaw.problem(with: .currency)) }
        throw .invalid(problems)
    }

    /// The amount as a field; an amount out of bounds is a flaw.
    static func amount(_ minorUnits: Int?) -> Field<Amount> {
        guard let amount = minorUnits.flatMap({ Amount($0) }) else {
            return .flaw(.outOfBounds)
        }
        return .value(amount)
    }

    /// The currency as a field; an unknown code, a fund or a code without a minor unit is a flaw.
    static func currency(_ code: String) -> Field<CurrencyCode> { currency(CurrencyCode(code)) }

    private static func currency(_ currency: CurrencyCode?) -> Field<CurrencyCode> {
        guard let currency else { return .flaw(.unknownCode) }
        switch currency.use {
        case .payment: return .value(currency)
        case .fund: return .flaw(.fund)
        case .none: return .flaw(.noMinorUnit)
        }
    }

    // MARK: - Members

    /// Parses the amount: a JSON integer, or a string of digits as HTML forms send it.
    private static func amount(_ value: JSONValue, _ bytes: Span<UInt8>) -> Field<Amount> {
        switch value {
        case .number(let number):
            guard number.isInteger else {
                return .flaw(.notWhole)
            }
            return amount(number.nonNegativeInteger(bytes))
        case .text(let text):
            guard text.hasEscapes else { return amount(digits: text.range, bytes) }
            // Refuse a text longer than the largest amount with an escape sequence for each digit.
            guard text.range.count <= 6 * 16 else { return .flaw(.outOfBounds) }
            let digits = text.decoded(bytes)
            return amount(digits: 0..<digits.count, digits.span)
        case .object, .array, .bool, .null:
            return .flaw(.notNumber)
        }
    }

    private static func amount(digits: Range<Int>, _ bytes: Span<UInt8>) -> Field<Amount> {
        for index in digits where !isDigit(bytes[index]) { return .flaw(.notNumber) }
        if digits.count > 1, bytes[digits.lowerBound] == UInt8(ascii: "0") {
            return .flaw(.leadingZero)
        }
        return amount(Digits.integer(digits, of: bytes))
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private static func currency(
        _ value: JSONValue, _ bytes: Span<UInt8>
    ) -> Field<CurrencyCode> {
        guard case .text(let text) = value else {
            return .flaw(.notText)
        }
        // The longest spelling of a code in JSON is three escape sequences.
        guard text.range.count <= 18 else { return .flaw(.unknownCode) }
        if text.hasEscapes { return currency(CurrencyCode(bytes: text.decoded(bytes).span)) }
        return currency(CurrencyCode(bytes: bytes.extracting(text.range)))
    }

    private static func token(_ value: JSONValue, after seen: TokenMember) -> TokenMember {
        guard case .absent = seen else { return .repeated }
        switch value {
        case .text(let text): return .text(text)
        case .null: return .null
        case .object, .array, .number, .bool: return .otherType
        }
    }
}
