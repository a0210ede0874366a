/// What Redis did with a message.
package enum ProducerOutcome: Equatable, Sendable {
    case applied
    /// The message's key was there before, with this text: nothing was applied now.
    case found([UInt8])
    /// What the script says of a message, where it tells of each. The first character is
    /// `appliedMark` if it was applied, and `refusedMark` if a rule refuses it.
    case told([UInt8])

    /// The begin of what is told of a message that was applied, and of one that is refused.
    package static var appliedMark: UInt8 { UInt8(ascii: "A") }
    package static var refusedMark: UInt8 { UInt8(ascii: "L") }

    /// Whether a rule of the queue refuses the message.
    var isRefused: Bool {
        if case .told(let text) = self { text.first == ProducerOutcome.refusedMark } else { false }
    }

    /// Whether the message was applied.
    var isApplied: Bool {
        switch self {
        case .applied: true
        case .found: false
        case .told(let text): text.first == ProducerOutcome.appliedMark
        }
    }
}

/// What Redis did with the first messages of a batch.
struct ProducerOutcomes {
    /// How many messages.
    let count: Int
    /// The outcomes of messages that were not simply applied, by their indices: nearly always none.
    private var others: [Int: ProducerOutcome] = [:]

    /// All are applied.
    init(applied count: Int) { self.count = count }

    mutating func set(_ outcome: ProducerOutcome, at index: Int) { others[index] = outcome }

    /// Whether all are applied, and nothing is told of any.
    var areAllApplied: Bool { others.isEmpty }

    subscript(index: Int) -> ProducerOutcome {
        if others.isEmpty { return .applied }
        return others[index] ?? .applied
    }
}
