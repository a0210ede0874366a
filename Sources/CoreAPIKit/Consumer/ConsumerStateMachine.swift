internal import CoreAPIBase
internal import DequeModule

/// Tracks the deliveries in hand and the tasks that wait for one, without Redis, a clock or a wait:
/// events in, actions out.
///
/// Each delivery has a serial number, since an entry can be delivered again while a slow handler
/// still holds its earlier delivery.
///
/// `Waiter` resumes a task that waits for a delivery: a continuation in the program, a number in
/// tests.
struct ConsumerStateMachine<Waiter> {
    typealias Serial = Int

    /// An entry whose fields are a transaction.
    struct Entry: Equatable {
        let name: DeliveryName
        let transaction: Transaction
        /// For how long its status is kept; 0 for not at all.
        var statusSeconds = 0
    }

    /// A delivery for a waiter.
    struct Handover {
        let waiter: Waiter
        let serial: Serial
        let entry: Entry
    }

    private enum State: Equatable {
        /// Can transition to: stopping, ended.
        case running
        /// Deliveries that no handler has taken return to the group. Can transition to: ended.
        case stopping
        /// Final. Handlers may still settle their deliveries.
        case ended
    }

    private struct Held {
        let entry: Entry
        /// The time at which it entered the buffer, or a handler took it.
        var since: MonotonicTime
        /// Another consumer may have claimed it, or its entry was removed: the lease is not
        /// extended.
        var isLost = false
        /// The handler has acknowledged it, maybe before Redis has: it is not retried here.
        var isProcessed = false
    }

    private let prefetch: Int
    private let handlingMilliseconds: Int
    private var state = State.running
    /// The deliveries that are not settled, by serial number.
    private var held: [Serial: Held] = [:]
    /// Those of them that no handler has taken, oldest first.
    private var buffer: Deque<Serial> = []
    private var waiters: Deque<Waiter> = []
    private var nextSerial = 0
    /// How many entries the reads under way may bring, by partition: room that is kept for them.
    private var reservations: [Int: Int] = [:]
    /// The sum of the reservations.
    private var reserved = 0
    /// The first lasting error, before or during the end; nil for an orderly end.
    private(set) var failure: ConsumerError?

    /// - Parameters:
    ///   - prefetch: the maximum number of unsettled deliveries.
    ///   - handlingMilliseconds: how long each delivery's lease is extended at most.
    init(prefetch: Int, handlingMilliseconds: Int) {
        self.prefetch = prefetch
        self.handlingMilliseconds = handlingMilliseconds
    }

    var isRunning: Bool { state == .running }

    /// Whether the consumer has ended and every delivery is settled.
    var isFinished: Bool { state == .ended && held.isEmpty }

    /// The number of entries to fetch. It is 0 until half of `prefetch` is free or the buffer is
    /// empty, so that entries are fetched in batches and not one by one.
    var room: Int {
        let free = free
        guard isRunning, free > 0 else { return 0 }
        return buffer.isEmpty || free * 2 >= prefetch ? free : 0
    }

    /// What may be held besides what is held, and what reads under way may bring.
    private var free: Int { prefetch - held.count - reserved }

    // MARK: - Reservations

    /// A read of a partition begins, which may bring as many entries.
    mutating func reserve(_ count: Int, for partition: Int) {
        release(partition)
        reservations[partition] = count
        reserved += count
    }

    /// The partition's read has ended.
    mutating func release(_ partition: Int) {
        reserved -= reservations.removeValue(forKey: partition) ?? 0
    }

    /// The reads of these partitions take long, for example since their node is away. Together they
    /// keep half of `prefetch` at most: the rest is for the other partitions.
    mutating func releaseExcess(of partitions: some Sequence<Int>) {
        var kept = 0
        for partition in partitions {
            let count = reservations[partition] ?? 0
            if kept + count <= prefetch / 2 { kept += count } else { release(partition) }
        }
    }

    /// Entries of a partition have come: divides them into those that there is room for, which
    /// `received` is to be called with, and those to be given back.
    mutating func admit(
        _ entries: [Entry], of partition: Int
    ) -> (admitted: ArraySlice<Entry>, excess: ArraySlice<Entry>) {
        let own = reservations[partition] ?? 0
        let count = min(entries.count, max(0, free + own))
        // The read may bring more, for example after a claim.
        let left = max(0, own - count)
        if own > 0 { reserve(left, for: partition) }
        return (entries.prefix(count), entries.dropFirst(count))
    }

    // MARK: - Deliveries

    enum RequestAction {
        case deliver(Serial, Entry)
        /// The waiter is kept until a delivery arrives or the consumer ends.
        case wait
        case end
    }

    /// A task asks for the next delivery.
    mutating func requested(_ waiter: Waiter, now: MonotonicTime) -> RequestAction {
        switch state {
        case .running:
            guard let serial = buffer.popFirst() else { break }
            return .deliver(serial, handOver(serial, now))
        case .stopping: break
        case .ended: return .end
        }
        waiters.append(waiter)
        return .wait
    }

    /// Entries arrived from Redis.
    mutating func received(
        _ entries: some Sequence<Entry>, now: MonotonicTime
    ) -> [Handover] {
        var handovers: [Handover] = []
        for entry in entries {
            let serial = nextSerial
            nextSerial += 1
            held[serial] = Held(entry: entry, since: now)
            if isRunning, let waiter = waiters.popFirst() {
                handovers.append(Handover(waiter: waiter, serial: serial, entry: entry))
            } else {
                buffer.append(serial)
            }
        }
        return handovers
    }

    private mutating func handOver(_ serial: Serial, _ now: MonotonicTime) -> Entry {
        guard var delivery = held[serial] else {
            preconditionFailure("handOver(): a serial of the buffer is not in held")
        }
        delivery.since = now
        held[serial] = delivery
        return delivery.entry
    }

    /// Whether the delivery is not settled.
    func isHeld(_ serial: Serial) -> Bool { held[serial] != nil }

    /// Whether the delivery is not settled, and no other consumer may have it.
    func isKept(_ serial: Serial) -> Bool { held[serial].map { !$0.isLost } ?? false }

    /// The handler has processed the delivery; Redis has not acknowledged it yet.
    mutating func processed(_ serial: Serial) { held[serial]?.isProcessed = true }

    /// Whether the handler has processed the delivery and Redis has not acknowledged it yet.
    func isProcessed(_ serial: Serial) -> Bool { held[serial]?.isProcessed ?? false }

    /// The delivery is settled, with any result.
    mutating func settled(_ serial: Serial) { held[serial] = nil }

    // MARK: - Leases

    /// Returns the deliveries whose lease is to be extended. A delivery that is held for too long
    /// is lost; if no handler has taken it, it is dropped.
    mutating func keep(now: MonotonicTime) -> [Serial: DeliveryName] {
        for (serial, delivery) in held
        where delivery.since.advanced(byMilliseconds: handlingMilliseconds) <= now {
            lose(serial)
        }
        return held.compactMapValues { $0.isLost ? nil : $0.entry.name }
    }

    /// Other consumers have claimed these deliveries. Returns how many of them are not settled.
    mutating func lost(_ serials: some Sequence<Serial>) -> Int {
        serials.count { lose($0) }
    }

    /// These entries were removed from the stream. Their transactions are still delivered to
    /// handlers; their leases are not extended.
    mutating func removed(_ serials: some Sequence<Serial>) {
        for serial in serials { held[serial]?.isLost = true }
    }

    @discardableResult
    private mutating func lose(_ serial: Serial) -> Bool {
        guard held[serial] != nil else { return false }
        if let index = buffer.firstIndex(of: serial) {
            buffer.remove(at: index)
            held[serial] = nil
        } else {
            held[serial]?.isLost = true
        }
        return true
    }

    // MARK: - End

    /// Starts to end the sequence. May be called more than once.
    mutating func stopped() {
        if isRunning { state = .stopping }
    }

    /// A lasting error ends the sequence. Returns false if an earlier error did so: the sequence
    /// throws the first one.
    mutating func failed(_ error: ConsumerError) -> Bool {
        stopped()
        guard failure == nil else { return false }
        failure = error
        return true
    }

    /// Removes and returns the deliveries that no handler has taken, to return them to the group.
    mutating func takeBuffer() -> [Entry] {
        precondition(!isRunning, "takeBuffer() called while running")
        defer { buffer = [] }
        return buffer.compactMap { held.removeValue(forKey: $0)?.entry }
    }

    /// The fetching task has ended. Returns the waiters, to be resumed without a delivery.
    mutating func ended() -> [Waiter] {
        state = .ended
        _ = takeBuffer()
        defer { waiters = [] }
        return Array(waiters)
    }
}
