internal import CoreAPIBase
internal import CoreAPIRedis

/// The keys of one queue of python-rq:
///
///     PREFIX:queue:NAME     the list of job ids
///     PREFIX:queues         the set of all queues' keys
///     PREFIX:workers:NAME   the set of the queue's workers
///     PREFIX:job:ID         a job
///
/// `PREFIX` is `rq`; rq 3 takes another one from `RQ_KEY_PREFIX`.
package struct RQKeys: Hashable, Sendable {
    /// The queue's name, without a prefix.
    package let name: String
    private let prefix: String

    static let standardPrefix = "rq"

    /// - Parameters:
    ///   - name: has passed `QueueNameError.check`.
    ///   - prefix: has passed `RQJobOptions.check`.
    package init(name: String, prefix: String = RQKeys.standardPrefix) {
        self.name = name
        self.prefix = prefix
    }

    /// The key of the queue's list, which is the queue's own key.
    package var list: String { "\(prefix):queue:\(name)" }
    /// The key of the set of all queues.
    var queues: String { "\(prefix):queues" }
    /// The key of the set of the queue's workers.
    var workers: String { "\(prefix):workers:\(name)" }
    /// What the key of every job begins with.
    var jobStart: String { "\(prefix):job:" }
}
