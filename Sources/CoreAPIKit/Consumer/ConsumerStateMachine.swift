internal import CoreAPIBase
internal import DequeModule

/// What a consumer holds and who waits for it, without Redis, a clock or a wait: events in, actions
/// out.
///
/// A delivery has a serial number of its own, since the same entry can come again while a handler
/// that took too long still has the one before.
///
/// `Waiter` is what waits for a delivery: a continuation in the program, a number in a test.
struct ConsumerStateMachine<Waiter> {
    typealias Serial = Int

    /// An entry that was found to be a transaction.
    struct Entry: Equatable {
        let name: DeliveryName
        let transaction: Transaction
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
        /// Nothing more is delivered; what nobody has taken is given back. Can transition to:
        /// ended.
        case stopping
        /// For good. Deliveries that handlers hold may still be settled.
        case ended
    }

    private struct Held {
        let entry: Entry
        /// Since when it is in the buffer, or with a handler.
        var since: MonotonicTime
        /// Another consumer may have it, or the stream has it no more: it is not kept.
        var isLost = false
        /// The handler has said so, whether Redis was told or not: it is not tried again here.
        var isProcessed = false
    }

    private let prefetch: Int
    private let handlingMilliseconds: Int
    private var state = State.running
    /// By its serial number, what is not settled.
    private var held: [Serial: Held] = [:]
    /// What of it nobody has taken, oldest first.
    private var buffer: Deque<Serial> = []
    private var waiters: Deque<Waiter> = []
    private var nextSerial = 0
    /// What ended the consumer, or was refused while it ended; nil for an end in order.
    private(set) var failure: ConsumerError?

    /// - Parameters:
    ///   - prefetch: how much is held at most.
    ///   - handlingMilliseconds: how long each of it is held at most.
    init(prefetch: Int, handlingMilliseconds: Int) {
        self.prefetch = prefetch
        self.handlingMilliseconds = handlingMilliseconds
    }

    var isRunning: Bool { state == .running }

    /// Whether nothing is left to do.
    var isFinished: Bool { state == .ended && held.isEmpty }

    /// How many entries are to be fetched: none until half of what may be held is free, or the
    /// buffer is empty, so that they come together and not one by one.
    var room: Int {
        let free = prefetch - held.count
        guard isRunning, free > 0 else { return 0 }
        return buffer.isEmpty || free * 2 >= prefetch ? free : 0
    }

    // MARK: - Deliveries

    enum RequestAction {
        case deliver(Serial, Entry)
        /// The waiter is kept until there is something, or the end.
        case wait
        case end
    }

    /// Somebody wants the next delivery.
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

    /// Entries have come. They may be more than there was room for, when the reply to a command
    /// comes that was sent twice.
    mutating func received(_ entries: [Entry], now: MonotonicTime) -> [Handover] {
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
            preconditionFailure("what is in the buffer is held")
        }
        delivery.since = now
        held[serial] = delivery
        return delivery.entry
    }

    /// Whether the delivery is not settled.
    func isHeld(_ serial: Serial) -> Bool { held[serial] != nil }

    /// Whether the delivery is not settled, and no other consumer may have it.
    func isKept(_ serial: Serial) -> Bool { held[serial].map { !$0.isLost } ?? false }

    /// The handler has processed it: now Redis is to be told.
    mutating func processed(_ serial: Serial) { held[serial]?.isProcessed = true }

    /// Whether the handler has processed it, though it is not settled.
    func isProcessed(_ serial: Serial) -> Bool { held[serial]?.isProcessed ?? false }

    /// The handler is done with it, whatever came of it.
    mutating func settled(_ serial: Serial) { held[serial] = nil }

    // MARK: - Keeping

    /// What is to be kept. What has been held for too long is not: in the buffer
    /// it is dropped.
    mutating func keep(now: MonotonicTime) -> [Serial: DeliveryName] {
        for (serial, delivery) in held
        where delivery.since.advanced(byMilliseconds: handlingMilliseconds) <= now {
            lose(serial)
        }
        return held.compactMapValues { $0.isLost ? nil : $0.entry.name }
    }

    /// Other consumers have got these. Returns how many of them are not settled yet.
    mutating func lost(_ serials: some Sequence<Serial>) -> Int {
        serials.count { lose($0) }
    }

    /// Somebody has removed these entries from the stream. The transactions are here, so they are
    /// delivered all the same; Redis does not keep them any more.
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

    // MARK: - Ends

    /// The sequence is to end. It may be called more than once.
    mutating func stopped() {
        if isRunning { state = .stopping }
    }

    /// What waiting does not mend ends the sequence. False if it was ended so before: the first
    /// failure is the one that is told.
    mutating func failed(_ error: ConsumerError) -> Bool {
        stopped()
        guard failure == nil else { return false }
        failure = error
        return true
    }

    /// Takes what nobody has taken, to be given back.
    mutating func takeBuffer() -> [Entry] {
        precondition(!isRunning, "a consumer that runs gives nothing back")
        defer { buffer = [] }
        return buffer.compactMap { held.removeValue(forKey: $0)?.entry }
    }

    /// Nothing more is fetched, for good: who waits is told.
    mutating func ended() -> [Waiter] {
        state = .ended
        _ = takeBuffer()
        defer { waiters = [] }
        return Array(waiters)
    }
}
