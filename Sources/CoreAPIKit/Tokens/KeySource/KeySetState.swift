internal import Synchronization

/// What a ``KeySetSource`` shares between the loop that fetches and the threads that verify.
final class KeySetState: Sendable {
    private let content = Mutex(KeySetStatus())
    /// Counts the changes of the set in use.
    private let changes = Atomic(0)
    /// Whether the loop has been asked for a fetch that has not ended yet.
    private let isAsked = Atomic(false)

    var status: KeySetStatus { content.withLock { $0 } }

    /// A number that differs whenever the set in use differs.
    var generation: Int { changes.load(ordering: .acquiring) }

    func update(_ body: (inout KeySetStatus) -> Void) { content.withLock { body(&$0) } }

    /// The set in use is another one.
    func replace(with keySet: JSONWebKeySet?) {
        content.withLock { $0.keySet = keySet }
        changes.add(1, ordering: .releasing)
    }

    /// Whether the caller must ask the loop: of many callers, one does.
    func ask() -> Bool {
        // The load alone is the fast path of a flood of tokens with unknown keys.
        !isAsked.load(ordering: .relaxed) && !isAsked.exchange(true, ordering: .relaxed)
    }

    /// A fetch has ended: the next caller asks again.
    func answered() { isAsked.store(false, ordering: .relaxed) }
}
