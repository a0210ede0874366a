/// What Redis did with a message.
package enum ProducerOutcome: Equatable, Sendable {
    case applied
    /// The message's key was there before, with this text: nothing was applied now.
    case found([UInt8])
}

/// What Redis did with the first messages of a batch.
struct ProducerOutcomes {
    /// How many messages.
    let count: Int
    /// The records that were found, by the indices of their messages: nearly always none.
    private var found: [Int: [UInt8]] = [:]

    /// All are applied.
    init(applied count: Int) { self.count = count }

    mutating func find(_ record: [UInt8], at index: Int) { found[index] = record }

    var areAllApplied: Bool { found.isEmpty }

    subscript(index: Int) -> ProducerOutcome {
        if found.isEmpty { return .applied }
        return found[index].map { .found($0) } ?? .applied
    }
}
