/// Why a queue of Redis cannot have a name: the NAME of a queue of python-rq, or the KEY of a
/// stream. The raw value says what would be right.
@nonexhaustive public enum QueueNameError: String, Error, Hashable, Sendable {
    /// There is no name.
    case empty = "the name of a queue has at least one character"
    /// The keys of what Core API keeps for a queue have the queue's own key between braces, which
    /// ends at the first closing one: with more braces two queues could have a key in common.
    case braces = "the name of a queue has no braces, { or }"

    /// Throws if no queue can have this name.
    package static func check(_ name: String) throws(QueueNameError) {
        if name.isEmpty { throw .empty }
        if name.utf8.contains(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }) {
            throw .braces
        }
    }
}
