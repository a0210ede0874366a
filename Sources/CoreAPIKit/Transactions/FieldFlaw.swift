/// A flaw of a transaction's field. The caller's text is built only when a refusal is written.
enum FieldFlaw: String {
    case missing = "is missing"
    case repeated = "is given twice"
    case notNumber = "is not a number"
    case notWhole = "has a fraction or an exponent"
    case leadingZero = "begins with 0"
    case outOfBounds = "is out of bounds"
    case notText = "is not a string"
    case unknownCode = "is not an active currency"
    case noMinorUnit = "has no minor unit to charge in"
    case fund = "is a fund code, which is a unit of account and no money to pay in"

    /// A field that can have a flaw. The raw value describes a valid value.
    enum Name: String {
        case amount =
            "give a whole number of the currency's minor unit, from 1 to 9007199254740991"
        case currency = "give an active ISO 4217 code in upper case, such as \"USD\""
    }

    func problem(with name: Name) -> FieldProblem {
        FieldProblem(pointer: "/\(name)", detail: "\(name) \(rawValue): \(name.rawValue)")
    }
}
