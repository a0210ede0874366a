package import CoreAPIBase

/// The producer sessions of a queue's partitions over one connection: each login ends with the
/// sessions that are in use, and one of a partition that was never used is opened by its first
/// message. `ProducerStateMachine` is the same for one session.
///
/// The sessions share the connection's output, so that a turn's batches of all partitions leave in
/// one write, and one barrier. Replies come in the order of the commands: `awaited` has whose each
/// is. A session that is being opened, or that Redis refuses to open, holds up no other.
package struct PartitionedProducerMachine<Waiter>: RedisConnectionMachine {
    package typealias Resolution = ProducerSession<Waiter>.Resolution

    enum State: Equatable {
        /// Can transition to: loggingIn, closed.
        case disconnected
        /// AUTH, SELECT, SCRIPT LOAD and the login's step are sent. Can transition to: opening,
        /// disconnected, closed.
        case loggingIn(repliesMissing: Int)
        /// No session is open. Can transition to: open, disconnected, closed.
        case opening
        /// At least one session is open. Can transition to: renewing, disconnected, closed.
        case open
        /// The connection is to be made anew: what was sent is answered first. Can transition to:
        /// disconnected, closed.
        case renewing
        /// For good.
        case closed
    }

    /// What the next reply answers.
    enum Awaited {
        /// A command of the session at this place.
        case session(Int)
        /// The barrier of the sessions at these places.
        case barrier([Int])
        /// A command of a session that has left, or that was redirected before.
        case ignored
    }

    /// A session with its marks in the machine's lists.
    struct Place {
        var session: ProducerSession<Waiter>
        /// Is in `marked`.
        var isMarked = false
        /// Is in `unconfirmed`.
        var isUnconfirmed = false
        /// Was redirected: sends nothing until `resume` or `detach`.
        var isHeld = false
        /// Its session has left.
        var isVacant = false
    }

    let partitions: ProducerPartitions
    let limits: ProducerLimits
    let barrier: RedisBarrier?
    private var login: RedisLogin
    private var secrets: RedisSecrets
    private let replyTimeoutMilliseconds: Int
    var state = State.disconnected
    /// The sessions, in the order of their first use.
    var places: [Place] = []
    /// The index in `places` by partition; nil for one that was never used here, or has left.
    var indices: [Int?]
    /// Of a node of a cluster: has the sessions that it is given, and may redirect them.
    let isNode: Bool
    /// The partitions whose commands follow `ASKING`.
    var asking: Set<Int> = []
    /// The sessions that Redis has redirected since the last `takeRedirections`.
    var redirections: [Redirection] = []
    var output = RedisCommand(capacity: 0)
    /// How many bytes of `output` the kernel has taken.
    private var written = 0
    var awaited: MovingQueue<Awaited> = []
    /// The places that have something to send.
    var marked: [Int] = []
    /// The places that have written something that no barrier follows.
    var unconfirmed: [Int] = []
    var awaitsBarrier = false
    /// Whether a barrier was not reached, since this was last reset.
    var hasMissedBarrier = false
    private(set) var pendingCount = 0
    private(set) var pendingBytes = 0
    /// No session's deadline is before.
    private var earliestDeadline = MonotonicTime.never
    private var lastError = RedisError.timedOut
    /// When Redis last answered, or was last asked after it had answered everything.
    private var awaitedSince: MonotonicTime
    private var lossesFound: [ProducerLosses] = []
    private var givenUp: [GivenUpMessage] = []

    /// - Parameters:
    ///   - name: of the connection.
    ///   - limits: of all sessions together.
    ///   - barrier: what confirms batches besides their replies, if anything does.
    ///   - isNode: whether Redis is a node of a cluster, to which sessions come by `attach`.
    package init(
        url: RedisURL, name: RedisClientName? = nil, _ partitions: ProducerPartitions,
        limits: ProducerLimits, replyTimeoutMilliseconds: Int, barrier: RedisBarrier?,
        isNode: Bool = false, now: MonotonicTime
    ) {
        self.partitions = partitions
        self.isNode = isNode
        var limits = limits
        limits.historyBytesMax /= partitions.count
        self.limits = limits
        self.barrier = barrier
        let call = partitions.call(0)
        // Another node has the key that the step asks for.
        login = RedisLogin(
            url, name: name, scripts: call.scripts, step: isNode ? nil : call.loginStep)
        secrets = RedisSecrets(url)
        self.replyTimeoutMilliseconds = replyTimeoutMilliseconds
        indices = Array(repeating: nil, count: partitions.count)
        awaitedSince = now
    }

    package var isReady: Bool { state == .open }
    package var isWanted: Bool { state != .closed }
    var isClosed: Bool { state == .closed }
    package var isLoggingIn: Bool { if case .loggingIn = state { true } else { false } }
    package var isIdle: Bool { pendingCount == 0 }
    var isDisconnected: Bool { state == .disconnected }

    /// Whether there is something to report.
    var hasLosses: Bool { !lossesFound.isEmpty || !givenUp.isEmpty }

    /// What Redis has lost, of one session at a time: to be called until `hasLosses` is false.
    mutating func takeLosses() -> ProducerLosses {
        var losses = lossesFound.isEmpty ? ProducerLosses() : lossesFound.removeFirst()
        losses.givenUp = exchange(&givenUp, with: [])
        return losses
    }

    /// Whether a barrier was not reached since the last call.
    mutating func takeMissedBarrier() -> Bool { exchange(&hasMissedBarrier, with: false) }

    // MARK: - Sessions

    /// The place of a partition's session, which is made if there is none.
    private mutating func place(of partition: Int) -> Int {
        if let index = indices[partition] { return index }
        return add(newSession(partition), partition)
    }

    func newSession(_ partition: Int) -> ProducerSession<Waiter> {
        ProducerSession<Waiter>(
            partitions.call(partition), limits: limits, barrier: barrier, secrets: secrets)
    }

    /// Gives a session a place.
    mutating func add(_ session: ProducerSession<Waiter>, _ partition: Int) -> Int {
        let place = places.firstIndex { $0.isVacant } ?? places.count
        if place == places.count {
            places.append(Place(session: session))
        } else {
            places[place] = Place(session: session)
        }
        indices[partition] = place
        places[place].session.asks = asking.contains(partition)
        takeAccount(of: place, since: .none)
        return place
    }

    /// Changes a session, and takes account of what that changes in the sums.
    @inline(__always)
    mutating func change<Result>(
        _ place: Int, _ body: (inout ProducerSession<Waiter>) -> Result
    ) -> Result {
        let before = places[place].session.account
        let result = body(&places[place].session)
        takeAccount(of: place, since: before)
        return result
    }

    @inline(__always)
    private mutating func takeAccount(
        of place: Int, since before: ProducerSession<Waiter>.Account
    ) {
        let after = places[place].session.account
        pendingCount += after.pendingCount - before.pendingCount
        pendingBytes += after.pendingBytes - before.pendingBytes
        earliestDeadline = min(earliestDeadline, after.deadline)
        if after.hasGivenUp { givenUp += places[place].session.takeGivenUp() }
    }

    /// The session has something to send.
    mutating func mark(_ place: Int) {
        guard !places[place].isMarked else { return }
        places[place].isMarked = true
        marked.append(place)
    }

    // MARK: - Messages

    /// Takes a message of a partition: see `ProducerSession.submit`.
    @inline(__always)
    package mutating func submit(
        _ waiter: consuming Waiter, partition: Int, now: MonotonicTime, _ traits: ProducerTraits,
        keys addKeys: (inout RedisCommand) -> Int, words addWords: (inout RedisCommand) -> Int
    ) -> RedisSubmitAction {
        if state == .closed { return .reject(.notExecuted(.closed)) }
        guard pendingCount < limits.pendingMax, pendingBytes < limits.pendingBytesMax else {
            return .reject(.notExecuted(.backlogFull))
        }
        let place = place(of: partition)
        let before = places[place].session.account
        let action = places[place].session.submit(
            waiter, now: now, traits, keys: addKeys, words: addWords)
        takeAccount(of: place, since: before)
        if case .reject = action { return action }
        mark(place)
        // A session that is not open yet is opened by the flush.
        return isConnected ? .flush : .wait
    }

    /// Whether what is submitted leaves at the end of the turn.
    private var isConnected: Bool { state == .opening || state == .open }

    @discardableResult package mutating func flush(
        now: MonotonicTime, _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) -> MonotonicTime {
        if state == .renewing { try output.send(from: &written, send) }
        guard isConnected else { return deadline }
        if awaited.isEmpty { awaitedSince = now }
        encode(now)
        try output.send(from: &written, send)
        return deadline
    }

    // MARK: - Connections

    package mutating func connected(now: MonotonicTime) -> [UInt8] {
        guard state == .disconnected else {
            preconditionFailure("connected() outside .disconnected")
        }
        // There is always one: the scripts are loaded.
        state = .loggingIn(repliesMissing: login.replies.count)
        return login.command.bytes
    }

    package mutating func received(
        _ reply: RedisReply, now: MonotonicTime
    ) -> RedisConnectionAction<Resolution> {
        awaitedSince = now
        switch state {
        case .loggingIn(let repliesMissing):
            do {
                let missing = try login.received(reply, missing: repliesMissing, secrets)
                guard missing == 0 else {
                    state = .loggingIn(repliesMissing: missing)
                    return .none
                }
            } catch { return .fail(error) }
            state = .opening
            // Without a session in use, one shows whether sessions can be opened.
            if places.isEmpty, !isNode { _ = place(of: 0) }
            for place in places.indices where !places[place].isVacant { mark(place) }
            guard isNode else { return .flush }
            state = .open
            return .ready([])
        case .opening, .open: return receivedForSessions(reply, now)
        case .renewing:
            let action = receivedForSessions(reply, now)
            return awaited.isEmpty ? action.last : action
        case .disconnected, .closed: preconditionFailure("received() without a connection")
        }
    }

    // MARK: - Renewal

    package mutating func adopt(_ url: RedisURL) {
        login = login.with(url)
        secrets = RedisSecrets(url).with(secrets)
        for place in places.indices { places[place].session.secrets = secrets }
    }

    package mutating func renew() -> Bool {
        switch state {
        case .disconnected, .loggingIn, .opening: return true
        case .open where !awaited.isEmpty:
            state = .renewing
            return false
        case .open: return true
        case .renewing, .closed: return false
        }
    }

    package mutating func restarted(now: MonotonicTime) -> [Resolution] {
        precondition(state != .closed, "restarted() after close()")
        state = .disconnected
        return end(.connectionLost, now) { _ in [] }
    }

    // MARK: - Ends

    /// The session has lost confirmed messages.
    ///
    /// - Parameter replacedKey: of a session that held something else.
    mutating func report(_ confirmations: LostConfirmations?, replacedKey: String?) {
        if let losses = ProducerLosses(atLogin: confirmations, replacedKey: replacedKey) {
            lossesFound.append(losses)
        }
    }

    package mutating func lost(_ error: RedisError, now: MonotonicTime) -> [Resolution] {
        precondition(state != .closed, "lost() after close()")
        let failsAll = error.endsWaits(wasOpen: state == .open)
        lastError = error
        state = .disconnected
        return end(error, now) { session in
            failsAll ? session.failAll(error) : []
        }
    }

    package mutating func close() -> [Resolution] {
        guard state != .closed else { return [] }
        state = .closed
        return end(.closed, .never) { session in
            session.giveUpConfirmed()
            return []
        }
    }

    private mutating func end(
        _ error: RedisError, _ now: MonotonicTime,
        _ body: (inout ProducerSession<Waiter>) -> [Resolution]
    ) -> [Resolution] {
        awaited = []
        (marked, unconfirmed, awaitsBarrier) = ([], [], false)
        output.removeAll()
        written = 0
        var resolutions: [Resolution] = []
        earliestDeadline = .never
        for place in places.indices {
            (places[place].isMarked, places[place].isUnconfirmed) = (false, false)
            resolutions += change(place) { $0.lost(error, now: now) + body(&$0) }
        }
        return resolutions
    }

    // MARK: - Deadlines

    package var deadline: MonotonicTime {
        switch state {
        case .disconnected, .loggingIn: earliestDeadline
        case .opening, .open, .renewing: min(replyDeadline, earliestDeadline)
        case .closed: .never
        }
    }

    private var replyDeadline: MonotonicTime {
        awaited.isEmpty
            ? .never : awaitedSince.advanced(byMilliseconds: replyTimeoutMilliseconds)
    }

    package mutating func deadlineReached(
        now: MonotonicTime
    ) -> (resolutions: [Resolution], stalls: Bool) {
        switch state {
        case .disconnected, .loggingIn: (expire(now, lastError), false)
        case .opening, .open, .renewing: (expire(now, .timedOut), replyDeadline <= now)
        case .closed: ([], false)
        }
    }

    private mutating func expire(_ now: MonotonicTime, _ error: RedisError) -> [Resolution] {
        var resolutions: [Resolution] = []
        earliestDeadline = .never
        for place in places.indices {
            resolutions += change(place) { $0.deadline <= now ? $0.expire(now, error) : [] }
        }
        return resolutions
    }
}
