public import CoreAPIRedis

/// The dead letters of a queue: counted, read, put back on the queue, removed.
public protocol DeadLetterStore: Sendable {
    /// The number of dead letters.
    func count() async throws(RedisError) -> Int

    /// The number of dead letters of the partitions that are reached: in a Redis Cluster some may
    /// be, while the nodes of others are away. Throws if none is.
    func countReached() async throws(RedisError) -> DeadLetterCount

    /// Some dead letters, the newest first. A page examines a bounded number of letters.
    ///
    /// - Parameters:
    ///   - cursor: the `next` of the page before; nil for the first page.
    ///   - reason: of the letters; nil for any. A page may have fewer letters than there are of a
    ///     reason, or none: only `next` says whether there are more.
    ///   - limit: 1 to 100; another number counts as the nearest of these.
    func page(
        after cursor: String?, reason: String?, limit: Int
    ) async throws(RedisError) -> DeadLetterPage

    /// The reasons of up to a thousand of the newest dead letters.
    func reasons() async throws(RedisError) -> DeadLetterReasons

    /// A dead letter in full; nil if there is none of this id.
    func letter(_ id: String) async throws(RedisError) -> DeadLetter?

    /// Puts a dead letter back on its queue or removes it, in one atomic step.
    ///
    /// - Returns: whether there was such a letter.
    func perform(_ action: DeadLetterAction, on id: String) async throws(RedisError) -> Bool

    /// Puts back or removes some dead letters, the oldest first, in one atomic step. Repeated with
    /// `next` until that is nil, it reaches every letter that was there at the first call.
    ///
    /// - Parameters:
    ///   - action: what becomes of each letter.
    ///   - reason: of the letters; nil for all.
    ///   - cursor: the `next` of the step before; nil for the first step.
    func perform(
        _ action: DeadLetterAction, onReason reason: String?, after cursor: String?
    ) async throws(RedisError) -> DeadLetterStep
}

extension DeadLetterStore {
    /// All dead letters, for a store whose partitions are all reached or none.
    public func countReached() async throws(RedisError) -> DeadLetterCount {
        DeadLetterCount(count: try await count())
    }
}

/// What becomes of a dead letter.
public enum DeadLetterAction: String, Hashable, Sendable {
    /// It is put back on its queue, with the same transaction id and a new count of attempts.
    case requeue
    /// It is removed for good.
    case remove
}

/// The result of one step of an action on many dead letters.
public struct DeadLetterStep: Hashable, Sendable {
    /// How many letters were put back or removed.
    public let count: Int
    /// What continues after this step; nil after the last.
    public let next: String?
    /// The partitions that were passed over, or not done to the end, since their nodes of the
    /// cluster do not answer. Of a partition that ceased to answer up to 25 letters may have been
    /// changed that `count` leaves out.
    public let unreached: [Int]

    /// Creates a step, for a store of one's own.
    public init(count: Int, next: String?, unreached: [Int] = []) {
        self.count = count
        self.next = next
        self.unreached = unreached
    }
}
