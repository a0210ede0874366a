package import CoreAPIBase
internal import DequeModule

/// A producer session: gives messages their numbers, sends them in batches, and learns at each
/// login what Redis has applied and what it has lost. It has no socket and no clock.
///
/// Messages are sent in the order of `submit`, confirmed in that order, and applied at most once:
/// batches that were sent over a connection that broke are sent again only behind a fence, which no
/// copy of them can pass (`ProducerScripts`). Confirmed batches are kept for a while; those that a
/// Redis lacks which is not the one that confirmed them are sent to it again.
///
/// `Waiter` is what waits for the outcome: an object in the program, a number in a test.
package struct ProducerSession<Waiter> {
    package typealias Outcome = ProducerOutcome

    /// A waiter with the outcome, or the reason why there is none.
    package struct Resolution {
        package let waiter: Waiter
        package let result: Result<Outcome, RedisFailure>
    }

    package typealias Resolutions = ProducerResolutions<Waiter>
    typealias Batch = ProducerBatch<Waiter>

    enum State: Equatable {
        /// Not logged in. Can transition to: opening.
        case disconnected
        /// The session is asked for its number. Can transition to: fencing, ready, disconnected.
        case opening
        /// The session is moved from where it stands, -1 if it is missing, to a fence. Can
        /// transition to: fencing, ready, disconnected.
        case fencing(standing: Int64, fence: Int)
        /// Batches are sent. Can transition to: draining, disconnected.
        case ready
        /// Redis refused a message, so the numbers behind it are free again: nothing is sent until
        /// all that was sent is answered. Can transition to: ready, disconnected.
        case draining(free: Int)
    }

    /// What Redis is to answer next.
    enum Awaited {
        case batch(Batch)
        case barrier
        /// Where the session stands: batches were denied.
        case standing
    }

    let call: ProducerCall
    let limits: ProducerLimits
    let barrier: RedisBarrier?
    var secrets: RedisSecrets
    var state = State.disconnected
    var output = RedisCommand(capacity: 0)
    /// How many bytes of `output` the kernel has taken.
    var written = 0
    /// The messages of this turn.
    var gathering = Batch()
    /// Batches that wait to be sent.
    var unsent: Deque<Batch> = []
    var awaited: MovingQueue<Awaited> = []
    /// How many batches have no reply yet.
    var inFlightCount = 0
    /// Batches without messages, whose memory the next ones use.
    var spares: [Batch] = []
    /// Batches that Redis has applied and no barrier has confirmed.
    var answered: Deque<(batch: Batch, outcomes: ProducerOutcomes)> = []
    /// Whether a barrier is under way, and whether something was written since it left.
    var awaitsBarrier = false
    var needsBarrier = false
    /// Whether a barrier was not reached, since this was last reset.
    var hasMissedBarrier = false
    /// Batches that an error without a reason of Redis was answered to. Whether they were executed
    /// is asked: a proxy that has lost its server may answer for it.
    var denied: [(batch: Batch, error: RedisServerError)] = []
    /// Batches that were sent behind a message that was refused: Redis did not take them.
    var returned: Deque<Batch> = []
    /// Batches that were sent over a connection that broke, and are not confirmed.
    var unresolved: Deque<Batch> = []
    var history: ProducerHistory<Waiter>
    /// The number of the next message: above all that were ever sent, but for those that Redis
    /// refused.
    var next = 1
    /// The last number that was confirmed, and that no Redis is known to have lost.
    var confirmed = 0
    var lineage = ProducerLineage()
    /// The Redis that the session is with, by its `master_replid`: see `ProducerScripts.open`.
    var run = ""
    /// The Redis of the last login that ended.
    var settledRun = ""
    /// The numbers of messages that this Redis has refused by a rule of the queue.
    var refused: Set<Int> = []
    /// When the session's lifetime in Redis last began again: a batch or fence was sent.
    var usedAt = MonotonicTime(nanoseconds: 0)
    var givenUp: [GivenUpMessage] = []
    /// Whether a login has found foreign content at the session's key, since this was last reset.
    var hadForeignContent = false
    /// Redis's clock less ours, in milliseconds.
    var clockOffset = 0
    /// No wait is over before.
    var waitDeadline = MonotonicTime.never
    /// Of a node of a cluster that does not have the session's slot yet: each command follows
    /// `ASKING`.
    var asks = false
    var keyedOrder = KeyedOrder.asSubmitted
    /// How many messages were ever taken.
    var submittedCount = 0
    var pendingCount = 0
    var pendingBytes = 0

    /// - Parameters:
    ///   - barrier: what confirms batches besides their replies, if anything does.
    ///   - secrets: are removed from error replies.
    init(
        _ call: ProducerCall, limits: ProducerLimits, barrier: RedisBarrier? = nil,
        secrets: RedisSecrets = RedisSecrets()
    ) {
        self.call = call
        self.limits = limits
        self.barrier = barrier
        self.secrets = secrets
        history = ProducerHistory(limits)
    }

    /// Whether messages are sent as they come.
    package var isReady: Bool { state == .ready }

    /// Whether messages or a barrier wait to be sent.
    var hasUnsent: Bool {
        !gathering.isEmpty || !unsent.isEmpty || barrier != nil && needsBarrier && !awaitsBarrier
    }

    /// Whether no message waits for its outcome.
    var isIdle: Bool { pendingCount == 0 }

    /// Whether Redis is to answer something.
    package var isAwaiting: Bool {
        switch state {
        case .opening, .fencing: true
        case .ready, .draining: !awaited.isEmpty
        case .disconnected: false
        }
    }

    // MARK: - Messages

    /// Takes a message, unless the limit of waiting messages is reached.
    ///
    /// - Parameters:
    ///   - addKeys: adds its keys, and returns how many.
    ///   - addWords: adds its words, as many as the script takes for a message of these traits, and
    ///     returns how many.
    package mutating func submit(
        _ waiter: consuming Waiter, now: MonotonicTime, _ traits: ProducerTraits,
        keys addKeys: (inout RedisCommand) -> Int, words addWords: (inout RedisCommand) -> Int
    ) -> RedisSubmitAction {
        guard pendingCount < limits.pendingMax, pendingBytes < limits.pendingBytesMax else {
            return .reject(.notExecuted(.backlogFull))
        }
        let before = gathering.unconfirmedBytes
        let deadline = now.advanced(byMilliseconds: limits.messageTimeoutMilliseconds)
        gathering.append(
            waiter, position: submittedCount, deadline: deadline, traits, keys: addKeys,
            words: addWords)
        submittedCount += 1
        waitDeadline = min(waitDeadline, deadline)
        pendingCount += 1
        pendingBytes += gathering.unconfirmedBytes - before
        if gathering.count >= limits.batchMax { endGathering() }
        return isReady ? .flush : .wait
    }

    mutating func endGathering() {
        guard !gathering.isEmpty else { return }
        unsent.append(takeGathering())
    }

    @inline(__always) private mutating func takeGathering() -> Batch {
        let next = spares.popLast() ?? Batch(capacity: ProducerSession.batchCapacityMin)
        return exchange(&gathering, with: next)
    }

    /// Keeps the memory of a batch that has no messages any more.
    @inline(__always) mutating func reuse(_ batch: consuming Batch) {
        guard spares.count < ProducerSession.sparesMax, batch.isReusable else { return }
        batch.removeAll()
        spares.append(consume batch)
    }

    /// Batches whose memory is kept: one gathers while others are in flight.
    private static var sparesMax: Int { 3 }

    /// Bytes that the words of most batches of one fit into.
    private static var batchCapacityMin: Int { 512 }

    /// The confirmed messages that were given up since the last call.
    package mutating func takeGivenUp() -> [GivenUpMessage] { exchange(&givenUp, with: []) }

    /// The session's key, if a login has replaced foreign content of it since the last call.
    mutating func takeReplacedKey() -> String? {
        exchange(&hadForeignContent, with: false)
            ? String(decoding: call.sessionKey, as: UTF8.self) : nil
    }

    /// Whether `takeGivenUp` has any.
    var hasGivenUp: Bool { !givenUp.isEmpty }

    /// The batch is settled, or given up.
    mutating func forget(_ batch: Batch) {
        pendingCount -= batch.unconfirmedCount
        pendingBytes -= batch.unconfirmedBytes
    }

    // MARK: - Sending

    /// Sends what there is to send.
    ///
    /// - Parameter send: hands the bytes from a position on to the kernel: how many it took, nil if
    ///   it takes none now.
    package mutating func flush(
        now: MonotonicTime, _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {
        if isReady { encode(now) }
        try output.send(from: &written, send)
    }

    /// Sends the rest of what is encoded, and nothing more: the connection is to be made anew.
    package mutating func finishSending(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {
        try output.send(from: &written, send)
    }

    private mutating func encode(_ now: MonotonicTime) {
        encodeBatches(now)
        guard let barrier, needsBarrier, !awaitsBarrier else { return }
        output.append(
            barrier.command(messageTimeoutMilliseconds: limits.messageTimeoutMilliseconds))
        awaited.append(.barrier)
        (needsBarrier, awaitsBarrier) = (false, true)
    }

    /// Writes as many batches to `output` as may be in flight. What comes meanwhile gathers.
    @inline(__always) mutating func encodeBatches(_ now: MonotonicTime) {
        while inFlightCount < limits.batchesInFlightMax, let batch = unsent.popFirst() {
            encode(batch, now)
        }
        let inFlightMax = limits.gathersWhileInFlight ? 1 : limits.batchesInFlightMax
        if inFlightCount < inFlightMax, !gathering.isEmpty {
            encode(takeGathering(), now)
        }
    }

    @inline(__always) mutating func encode(_ batch: consuming Batch, _ now: MonotonicTime) {
        (batch.first, batch.run, batch.isRefused, batch.isDenied) = (next, run, false, false)
        next += batch.count
        usedAt = now
        // A batch that is sent again and has no waiters has the time of a new message.
        let deadline = min(
            batch.deadline, now.advanced(byMilliseconds: limits.messageTimeoutMilliseconds))
        if asks { output.add("ASKING") }
        call.append(
            batch, deadline: max(0, deadline.wholeMilliseconds + clockOffset), to: &output)
        awaited.append(.batch(consume batch))
        inFlightCount += 1
        needsBarrier = true
    }
}

extension ProducerSession.Resolution: Equatable where Waiter: Equatable {}
