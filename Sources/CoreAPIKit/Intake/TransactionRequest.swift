internal import CoreAPIBase

/// What a JSON body asks for: each field read, but not yet judged, since the token comes first.
///
/// Members other than `amount`, `currency` and `token` are ignored, whatever they hold.
struct TransactionRequest {
    /// The `token` member as it stood in the body.
    enum TokenMember {
        case absent
        case text(JSONText)
        case otherType
        case repeated
    }

    private(set) var token = TokenMember.absent
    private(set) var amount = Field<Amount>.flaw(.missing)
    private(set) var currency = Field<CurrencyCode>.flaw(.missing)
    private(set) var isObject = true

    /// A field's value, or what is wrong with it.
    enum Field<Value> {
        case value(Value)
        case flaw(FieldFlaw)
    }

    /// Reads the whole body; throws if it is not one JSON text (RFC 8259).
    init(json bytes: Span<UInt8>) throws(JSONError) {
        var reader = JSONReader()
        guard try reader.beginsObject(bytes) else {
            isObject = false
            _ = try reader.value(bytes)
            try reader.end(bytes)
            return
        }
        var isFirst = true
        var (sawAmount, sawCurrency) = (false, false)
        while let name = try reader.nextMember(bytes, isFirst: isFirst) {
            isFirst = false
            let value = try reader.value(bytes, depth: 1)
            switch name.short(bytes) {
            case "amount"?:
                amount = sawAmount ? .flaw(.repeated) : Self.amount(value, bytes)
                sawAmount = true
            case "currency"?:
                currency = sawCurrency ? .flaw(.repeated) : Self.currency(value, bytes)
                sawCurrency = true
            case "token"?:
                token = Self.token(value, after: token)
            default: break
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
        guard currency.minorUnit != nil else {
            return .flaw(.noMinorUnit)
        }
        return .value(currency)
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
            let digits = text.hasEscapes ? text.decoded(bytes) : nil
            return digits.map { amount(digits: 0..<$0.count, $0.span) }
                ?? amount(digits: text.range, bytes)
        case .object, .array, .bool, .null:
            return .flaw(.notNumber)
        }
    }

    private static func amount(digits: Range<Int>, _ bytes: Span<UInt8>) -> Field<Amount> {
        for index in digits where !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[index]) {
            return .flaw(.notNumber)
        }
        if digits.count > 1, bytes[digits.lowerBound] == UInt8(ascii: "0") {
            return .flaw(.leadingZero)
        }
        return amount(Digits.integer(digits, of: bytes))
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
        guard case .text(let text) = value else { return .otherType }
        return .text(text)
    }
}
