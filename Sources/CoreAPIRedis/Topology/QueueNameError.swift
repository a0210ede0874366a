/// Why a queue name is invalid: the NAME of a python-rq queue, or the KEY of a stream. The raw
/// value states the rule.
@nonexhaustive public enum QueueNameError: String, Error, Hashable, Sendable {
    /// The name is empty.
    case empty = "the name of a queue has at least one character"
    /// The name contains braces. Core API's own keys contain the queue's key between braces, and
    /// Redis ends a hash tag at the first closing brace. With more braces two queues could share a
    /// key.
    case braces = "the name of a queue has no braces, { or }"

    /// Throws if the name is invalid.
    package static func check(_ name: String) throws(QueueNameError) {
        if name.isEmpty { throw .empty }
        if name.utf8.contains(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }) {
            throw .braces
        }
    }
}
