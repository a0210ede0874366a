/// Why an entry of a stream is not a transaction. Its text is the dead letter's reason.
enum StreamEntryFlaw: Error, Equatable, CustomStringConvertible {
    /// The entry was removed from the stream, or its fields are not pairs of strings.
    case fieldsMissing
    /// More than `StreamEntry.wordsMax` or `StreamEntry.bytesMax`.
    case tooLarge
    case missing(StreamEntry.Field)
    case twice(StreamEntry.Field)
    case invalid(StreamEntry.Field)

    var description: String {
        switch self {
        case .fieldsMissing: "the entry has no fields"
        case .tooLarge:
            "the entry has more than \(StreamEntry.wordsMax / 2) fields or "
                + "\(StreamEntry.bytesMax) bytes"
        case .missing(let field): "\(field.rawValue) is missing"
        case .twice(let field): "\(field.rawValue) is there twice"
        case .invalid(let field): "\(field.rawValue) is not \(field.rule)"
        }
    }
}
