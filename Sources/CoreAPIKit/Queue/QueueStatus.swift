/// The state of a queue in Redis. A figure is nil if a right is missing, the version of Redis does
/// not have it, or a list is too long.
///
/// For a stream with several consumer groups each figure is that of the group that is worst off.
/// For one with partitions the depth is their sum, the others are those of the partition that is
/// worst off.
package struct QueueStatus: Equatable, Sendable {
    /// How many transactions wait: for rq, to be taken by a worker; for a stream, to be
    /// acknowledged by a group, or all of its entries where there is no group.
    package var depth: Int?
    /// For how long the oldest of them has waited; 0 if there is none.
    package var oldestAgeSeconds: Int?
    package var workers: Workers?
    /// The queue's key holds another type, so that Redis refuses every transaction.
    package var isWrongType = false

    package init() {}

    /// The processes that take transactions: workers of rq, consumers of a stream's group.
    package struct Workers: Equatable, Sendable {
        /// How many were heard of lately: of rq's, among `workersMax` at most, chosen by chance.
        package let alive: Int
        package let registered: Int

        package init(alive: Int, registered: Int) {
            self.alive = alive
            self.registered = registered
        }
    }

    /// How many workers of rq are looked at.
    package static let workersMax = 100
}
