public import CoreAPIRedis
internal import Synchronization

/// Dead letters in this process's memory, for tests and trials.
public final class InMemoryDeadLetterStore: DeadLetterStore {
    private let letters = Mutex<[DeadLetter]>([])
    private let requeue: @Sendable (DeadLetter) -> Void

    /// - Parameter requeue: puts a letter back on its queue.
    public init(requeue: @escaping @Sendable (DeadLetter) -> Void = { _ in }) {
        self.requeue = requeue
    }

    /// Adds a letter, as the newest.
    public func add(_ letter: DeadLetter) { letters.withLock { $0.append(letter) } }

    /// The number of dead letters.
    public func count() async throws(RedisError) -> Int { letters.withLock { $0.count } }

    /// Some dead letters, the newest first: see ``DeadLetterStore``.
    public func page(
        after cursor: String?, reason: String?, limit: Int
    ) async throws(RedisError) -> DeadLetterPage {
        let all = letters.withLock { $0 }
        var rest = all.reversed()[...]
        if let cursor, let index = rest.firstIndex(where: { $0.id == cursor }) {
            rest = rest[rest.index(after: index)...]
        }
        let found = rest.filter { reason == nil || $0.reason == reason }
        let page = Array(found.prefix(min(max(1, limit), 100)))
        guard page.count < found.count, let last = page.last,
            let end = rest.firstIndex(where: { $0.id == last.id })
        else { return DeadLetterPage(letters: page, examined: rest.count, next: nil) }
        return DeadLetterPage(letters: page, examined: rest[...end].count, next: last.id)
    }

    /// The reasons of all dead letters.
    public func reasons() async throws(RedisError) -> DeadLetterReasons {
        DeadLetterReasons(of: letters.withLock { $0 })
    }

    /// A dead letter; nil if there is none of this id.
    public func letter(_ id: String) async throws(RedisError) -> DeadLetter? {
        letters.withLock { $0.first { $0.id == id } }
    }

    /// Puts a dead letter back or removes it: see ``DeadLetterStore``.
    public func perform(
        _ action: DeadLetterAction, on id: String
    ) async throws(RedisError) -> Bool {
        perform(action) { $0.id == id } > 0
    }

    /// Puts back or removes all letters of the reason in one step.
    public func perform(
        _ action: DeadLetterAction, onReason reason: String?, after cursor: String?
    ) async throws(RedisError) -> DeadLetterStep {
        DeadLetterStep(
            count: perform(action) { reason == nil || $0.reason == reason }, next: nil)
    }

    private func perform(_ action: DeadLetterAction, _ isMeant: (DeadLetter) -> Bool) -> Int {
        let taken = letters.withLock { letters in
            let taken = letters.filter(isMeant)
            letters.removeAll(where: isMeant)
            return taken
        }
        if action == .requeue { for letter in taken { requeue(letter) } }
        return taken.count
    }
}
