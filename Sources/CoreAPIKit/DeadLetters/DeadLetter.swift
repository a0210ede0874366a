public import CoreAPIBase

/// A transaction that was not processed and that no consumer tries again: an entry of a stream's
/// dead letters, or a failed job of python-rq.
public struct DeadLetter: Hashable, Sendable, Identifiable {
    /// A text field of the entry or the job.
    public struct Field: Hashable, Sendable {
        /// The field's name: `amount`.
        public let name: String
        /// The field's value; characters that are not UTF-8 are replaced.
        public let value: String
    }

    /// Identifies the letter in its store: the id of the entry, after its partition and a colon if
    /// the stream has several (`3:1636027031123-0`); of a job its own id.
    public let id: String
    /// The transaction's id; empty if the entry has none.
    public let transactionID: String
    /// Why it was not processed: the reason of the consumer, or the line of the job's traceback
    /// that names the exception. At most `reasonBytesMax` bytes.
    public let reason: String
    /// When it was given up; nil if that is unknown.
    public let diedAt: UnixTime?
    /// How often it was tried; nil for a job, of which rq keeps no count.
    public let attempts: Int?
    /// The other fields, without the bytes that Python has pickled; of a job in a page, those of
    /// its transaction alone.
    public let fields: [Field]
    /// The traceback of a job; empty in a page, and for an entry.
    public let traceback: String

    /// The longest reason, in bytes.
    public static let reasonBytesMax = 1_024

    /// Creates a letter, for a store of one's own.
    public init(
        id: String, transactionID: String, reason: String, diedAt: UnixTime?, attempts: Int?,
        fields: [Field] = [], traceback: String = ""
    ) {
        self.id = id
        self.transactionID = transactionID
        self.reason = reason
        self.diedAt = diedAt
        self.attempts = attempts
        self.fields = fields
        self.traceback = traceback
    }

    /// The value of a field; nil if there is no such field.
    public func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// Some of the dead letters, the newest first.
public struct DeadLetterPage: Hashable, Sendable {
    /// The letters: of a stream with partitions, those of one partition after those of another.
    public let letters: [DeadLetter]
    /// How many letters were examined for this page: with a reason, more than have it.
    public let examined: Int
    /// What continues after the examined letters; nil at the end.
    public let next: String?
    /// The partitions that were left out, since their nodes of the cluster do not answer.
    public let unreached: [Int]

    /// Creates a page, for a store of one's own.
    public init(letters: [DeadLetter], examined: Int, next: String?, unreached: [Int] = []) {
        self.letters = letters
        self.examined = examined
        self.next = next
        self.unreached = unreached
    }
}

/// The number of dead letters.
public struct DeadLetterCount: Hashable, Sendable {
    /// The letters of the partitions that were reached.
    public let count: Int
    /// The partitions that are not counted, since their nodes of the cluster do not answer.
    public let unreached: [Int]

    /// Creates a count, for a store of one's own.
    public init(count: Int, unreached: [Int] = []) {
        self.count = count
        self.unreached = unreached
    }
}

/// The reasons of the newest dead letters.
public struct DeadLetterReasons: Hashable, Sendable {
    /// A reason and the number of letters that have it.
    public struct Count: Hashable, Sendable {
        /// The reason of the letters.
        public let reason: String
        /// The number of the letters that were examined and have the reason.
        public let count: Int
        /// When the newest and the oldest of them were given up; nil if that is unknown.
        public let newest, oldest: UnixTime?
    }

    /// The commonest reason first.
    public let counts: [Count]
    /// How many letters there are in the partitions that were reached.
    public let count: Int
    /// How many letters were examined: with fewer than there are, the counts are of a sample.
    public let examined: Int
    /// The partitions that were left out, since their nodes of the cluster do not answer.
    public let unreached: [Int]

    /// The reasons of letters.
    ///
    /// - Parameters:
    ///   - letters: The letters that were examined.
    ///   - count: How many letters there are in all; nil if these are all.
    ///   - unreached: The partitions that were left out.
    public init(of letters: [DeadLetter], count: Int? = nil, unreached: [Int] = []) {
        self.count = count ?? letters.count
        self.unreached = unreached
        var counts: [String: Count] = [:]
        for letter in letters {
            let known = counts[letter.reason]
            let times = [known?.newest, known?.oldest, letter.diedAt].compactMap(\.self)
            counts[letter.reason] = Count(
                reason: letter.reason, count: (known?.count ?? 0) + 1, newest: times.max(),
                oldest: times.min())
        }
        self.counts = counts.values.sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
        examined = letters.count
    }
}
