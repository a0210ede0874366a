internal import CoreAPIBase
internal import CoreAPIRedis

/// The keys of one queue of python-rq:
///
///     PREFIX:queue:NAME     the list of job ids
///     PREFIX:queues         the set of all queues' keys
///     PREFIX:workers:NAME   the set of the queue's workers
///     PREFIX:job:ID         a job
///     PREFIX:results:ID     the results of its executions, since rq 1.12
///     PREFIX:failed:NAME    the registry of failed jobs
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
    /// What every key begins with.
    var start: String { "\(prefix):" }
    /// What the key of the results of every job begins with.
    var resultsStart: String { "\(prefix):results:" }
    /// The key of the registry of failed jobs.
    var failed: String { "\(prefix):failed:\(name)" }
}
