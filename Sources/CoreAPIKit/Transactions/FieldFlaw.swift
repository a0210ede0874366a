/// What can be wrong with a field of a transaction. The words are only made when they are needed.
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

    /// The fields that can have a flaw; the raw value says what would be right.
    enum Name: String {
        case amount =
            "give a whole number of the currency's minor unit, from 1 to 9007199254740991"
        case currency = "give an active ISO 4217 code in upper case, such as \"USD\""
    }

    func problem(with name: Name) -> FieldProblem {
        FieldProblem(pointer: "/\(name)", detail: "\(name) \(rawValue): \(name.rawValue)")
    }
}
