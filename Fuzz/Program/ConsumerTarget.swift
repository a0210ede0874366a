@testable internal import CoreAPIBase
@testable internal import CoreAPIKit
@testable internal import CoreAPIRedis

/// Replies of a hostile Redis to a consumer: each reply answers each of the consumer's commands,
/// and each list of texts in a reply serves as an entry's fields.
///
/// A decoded transaction has one spelling and can be enqueued again. The scripts read each id as
/// one word.
enum ConsumerTarget {
    static func run(_ bytes: [UInt8]) {
        let reader = RedisReplyReader()
        reader.feed(bytes.span)
        while let reply = try? reader.next() {
            read(reply)
            entry(reply)
        }
    }

    /// The reply to XREADGROUP and to the scripts.
    private static func read(_ reply: RedisReply) {
        var entries: [ReceivedEntry] = []
        if let list = try? ReceivedEntry.list(read: reply) { entries += list }
        if let claimed = try? ClaimedEntries(reply: reply) {
            entries += claimed.entries
            for name in claimed.deadLettered { check(name) }
            for id in claimed.removed { check(DeliveryName(id: id, attempt: 1)) }
        }
        if let unkept = try? UnkeptDeliveries(reply: reply) {
            for id in unkept.removed { check(DeliveryName(id: id, attempt: 1)) }
        }
        for id in (try? DeliveryName.ids(of: reply)) ?? [] {
            check(DeliveryName(id: id, attempt: 1))
        }
        hold(entries)
    }

    private static func check(_ name: DeliveryName) {
        let words = name.text.split(separator: " ", omittingEmptySubsequences: false)
        demand(words.count == 2 && words[0].utf8.count <= 41, "an id of other words: \(name)")
        let pause = ConsumerOptions().retryPauseMilliseconds(
            afterAttempt: name.attempt, jitter: 0.5)
        demand(1_000...600_000 ~= pause, "\(name) pauses for \(pause)")
    }

    /// The machine receives a transaction, delivers it and forgets it.
    private static func hold(_ entries: [ReceivedEntry]) {
        var machine = ConsumerStateMachine<Int>(prefetch: 2, handlingMilliseconds: 1)
        let now = MonotonicTime(nanoseconds: 1)
        _ = machine.requested(0, now: now)
        var taken: [ConsumerStateMachine<Int>.Entry] = []
        for entry in entries {
            check(entry.name)
            guard let transaction = decode(entry.words) else { continue }
            taken.append(.init(name: entry.name, transaction: transaction))
        }
        for handover in machine.received(taken, now: now) { machine.settled(handover.serial) }
        machine.removed(machine.keep(now: now).keys)
        machine.stopped()
        let left = machine.takeBuffer().count
        demand(left == max(0, taken.count - 1), "\(left) are left of \(taken.count)")
        demand(machine.ended().isEmpty == !taken.isEmpty, "the waiter is resumed once")
        demand(machine.isFinished, "nothing is held, and it is not finished")
    }

    /// Lists within lists, each as an entry's names and values.
    private static func entry(_ reply: RedisReply) {
        guard case .array(let words) = reply else { return }
        _ = decode(words)
        for word in words { entry(word) }
    }

    private static func decode(_ words: [RedisReply]) -> Transaction? {
        let transaction: Transaction
        do { transaction = try StreamEntry.decode(words) } catch {
            demand(error.description.utf8.count < 100, "a reason of any length: \(error)")
            return nil
        }
        let spelled = [
            "\(transaction.id)", "\(transaction.amount.minorUnits)", "\(transaction.currency)",
            "\(transaction.userID)",
        ]
        for text in spelled {
            demand(words.contains(.bulk(Array(text.utf8))), "\(text) is another spelling")
        }
        let format = RQJobFormat(RQKeys(name: "q"), function: RQJobOptions().function)
        let record = TransactionRecord(transaction, nil)
        var (entry, job) = (RedisCommand(), RedisCommand())
        _ = StreamEntry.addWords(transaction, record, to: &entry)
        _ = RQJob(transaction, format).addWords(record, to: &job)
        for words in [entry, job] {
            demand(words.bytes.count < 2_048, "\(words.bytes.count) bytes")
        }
        return transaction
    }
}
