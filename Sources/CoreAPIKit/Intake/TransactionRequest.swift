internal import CoreAPIBase

/// What a JSON body asks for: each field read, but not yet judged, since the token comes first.
///
/// Members other than `amount`, `currency` and `token` are ignored, whatever they hold.
struct TransactionRequest {
    /// The `token` member as it stood in the body.
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

    /// The members that are looked for.
    private enum Name {
        static var amount: EightBytes { EightBytes("amount", from: 0) }
        static var currency: EightBytes { EightBytes("currency", from: 0) }
        static var token: EightBytes { EightBytes("token", from: 0) }
        static var none: EightBytes { EightBytes(word: 0) }
        static var all: InlineArray<3, EightBytes> { [amount, currency, token] }
    }

    /// A field's value, or what is wrong with it.
    enum Field<Value> {
        case value(Value)
        case flaw(FieldFlaw)
    }

    /// Reads the whole body; throws if it is not one JSON text (RFC 8259). A byte order mark before
    /// it is passed over.
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
        // What is there twice is refused, and looked at no more.
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

    /// The fields, or the problems of all that are wrong.
    func fields() throws(IntakeRefusal) -> (Amount, CurrencyCode) {
        guard isObject else {
            throw .invalid([FieldProblem(pointer: "", detail: "the body is not a JSON object")])
        }
        return try Self.fields(amount, currency)
    }

    /// Both fields, or the problems of both.
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

    /// An amount out of bounds is a problem.
    static func amount(_ minorUnits: Int?) -> Field<Amount> {
        guard let amount = minorUnits.flatMap({ Amount($0) }) else {
            return .flaw(.outOfBounds)
        }
        return .value(amount)
    }

    /// A code that is unknown, or in which nothing can be charged, is a problem.
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

    /// A JSON integer, or a string of digits as form-minded clients send it.
    private static func amount(_ value: JSONValue, _ bytes: Span<UInt8>) -> Field<Amount> {
        switch value {
        case .number(let number):
            guard number.isInteger else {
                return .flaw(.notWhole)
            }
            return amount(number.nonNegativeInteger(bytes))
        case .text(let text):
            guard text.hasEscapes else { return amount(digits: text.range, bytes) }
            // Longer than the largest amount, each digit an escape sequence.
            guard text.range.count <= 6 * 16 else { return .flaw(.outOfBounds) }
            guard let digits = text.decoded(bytes, where: { isDigit($0) }) else {
                return .flaw(.notNumber)
            }
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
        // No code is longer than its longest spelling in JSON, three escape sequences.
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
