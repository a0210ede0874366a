package import CoreAPIBase

/// A producer session over the connections of one URL: each logs in, opens the session, and then
/// sends batches.
package struct ProducerStateMachine<Waiter>: RedisConnectionMachine {
    package typealias Resolution = ProducerSession<Waiter>.Resolution

    private enum State: Equatable {
        /// Can transition to: loggingIn, closed.
        case disconnected
        /// AUTH, SELECT and SCRIPT LOAD are sent. Can transition to: opening, disconnected, closed.
        case loggingIn(repliesMissing: Int)
        /// The session asks where it stands. Can transition to: open, disconnected, closed.
        case opening
        /// Can transition to: renewing, disconnected, closed.
        case open
        /// The connection is to be made anew: what was sent is answered first. Can transition to:
        /// disconnected, closed.
        case renewing
        /// For good.
        case closed
    }

    private var login: RedisLogin
    private var secrets: RedisSecrets
    private let replyTimeoutMilliseconds: Int
    private var state = State.disconnected
    /// Not private, so that a simulation can break it.
    var session: ProducerSession<Waiter>
    private var lastError = RedisError.timedOut
    /// When Redis last answered, or was last asked after it had answered everything.
    private var awaitedSince: MonotonicTime
    /// What the last login has found; nil if that is nothing, or told.
    private var losses: ProducerLosses?
    /// Whether `losses` is there: to compare it with nil would copy the machine.
    private var foundLosses = false

    /// - Parameters:
    ///   - name: of the connection.
    ///   - barrier: what confirms batches besides their replies, if anything does.
    package init(
        url: RedisURL, name: RedisClientName? = nil, _ call: ProducerCall, limits: ProducerLimits,
        replyTimeoutMilliseconds: Int, barrier: RedisBarrier?, now: MonotonicTime
    ) {
        login = RedisLogin(url, name: name, scripts: call.scripts, step: call.loginStep)
        secrets = RedisSecrets(url)
        session = ProducerSession(call, limits: limits, barrier: barrier, secrets: secrets)
        self.replyTimeoutMilliseconds = replyTimeoutMilliseconds
        awaitedSince = now
    }

    // These are inlined, since a call would copy the machine.
    @inline(__always) package var isReady: Bool { state == .open }
    @inline(__always) package var isWanted: Bool { state != .closed }
    @inline(__always) var isClosed: Bool { state == .closed }
    @inline(__always) package var isLoggingIn: Bool {
        if case .loggingIn = state { true } else { false }
    }
    @inline(__always) package var isIdle: Bool { session.isIdle }

    /// Whether there is something to report.
    @inline(__always) var hasLosses: Bool { foundLosses || session.hasGivenUp }

    /// What Redis has lost since the last call.
    mutating func takeLosses() -> ProducerLosses {
        var taken = exchange(&losses, with: nil) ?? ProducerLosses()
        foundLosses = false
        taken.givenUp = session.takeGivenUp()
        return taken
    }

    /// Whether a barrier was not reached since the last call.
    @inline(__always) mutating func takeMissedBarrier() -> Bool {
        guard session.hasMissedBarrier else { return false }
        session.hasMissedBarrier = false
        return true
    }

    // MARK: - Messages

    /// Takes a message: see `ProducerSession.submit`.
    @inline(__always)
    package mutating func submit(
        _ waiter: consuming Waiter, now: MonotonicTime, _ traits: ProducerTraits,
        keys addKeys: (inout RedisCommand) -> Int, words addWords: (inout RedisCommand) -> Int
    ) -> RedisSubmitAction {
        if state == .closed { return .reject(.notExecuted(.closed)) }
        return session.submit(waiter, now: now, traits, keys: addKeys, words: addWords)
    }

    @discardableResult package mutating func flush(
        now: MonotonicTime, _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) -> MonotonicTime {
        switch state {
        case .opening, .open: break
        case .renewing:
            try session.finishSending(send)
            return deadline
        case .disconnected, .loggingIn, .closed: return deadline
        }
        if !session.isAwaiting { awaitedSince = now }
        try session.flush(now: now, send)
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
            session.loggedIn()
            return .flush
        case .opening, .open: return receivedForSession(reply, now)
        case .renewing:
            let action = receivedForSession(reply, now)
            return session.isAwaiting ? action : action.last
        case .disconnected, .closed: preconditionFailure("received() without a connection")
        }
    }

    @inline(__always)
    private mutating func receivedForSession(
        _ reply: RedisReply, _ now: MonotonicTime
    ) -> RedisConnectionAction<Resolution> {
        switch session.received(reply, now: now) {
        case .none: return session.hasUnsent ? .flush : .none
        case .flush: return .flush
        case .resolve(let resolutions):
            switch consume resolutions {
            case .one(let resolution) where !session.hasUnsent: return .resolve(resolution)
            case let resolutions: return .resolveAll(resolutions.array)
            }
        case .ready(let resolutions, let lost):
            losses = ProducerLosses(atLogin: lost, replacedKey: session.takeReplacedKey())
            foundLosses = losses != nil
            state = .open
            return .ready(resolutions.array)
        case .fail(let error): return .fail(error)
        }
    }

    // MARK: - Renewal

    package mutating func adopt(_ url: RedisURL) {
        login = login.with(url)
        secrets = RedisSecrets(url).with(secrets)
        session.secrets = secrets
    }

    package mutating func renew() -> Bool {
        switch state {
        case .disconnected, .loggingIn, .opening: return true
        case .open where session.isAwaiting:
            state = .renewing
            return false
        case .open: return true
        case .renewing, .closed: return false
        }
    }

    package mutating func restarted(now: MonotonicTime) -> [Resolution] {
        precondition(state != .closed, "restarted() after close()")
        state = .disconnected
        return session.lost(.connectionLost, now: now)
    }

    package mutating func lost(_ error: RedisError, now: MonotonicTime) -> [Resolution] {
        precondition(state != .closed, "lost() after close()")
        let wasOpen = state == .open
        lastError = error
        state = .disconnected
        let resolutions = session.lost(error, now: now)
        return error.endsWaits(wasOpen: wasOpen)
            ? resolutions + session.failAll(error) : resolutions
    }

    package mutating func close() -> [Resolution] {
        guard state != .closed else { return [] }
        let resolutions = session.lost(.closed, now: .never)
        session.giveUpConfirmed()
        state = .closed
        return resolutions
    }

    // MARK: - Deadlines

    @inline(__always) package var deadline: MonotonicTime {
        switch state {
        case .disconnected, .loggingIn: session.deadline
        case .opening, .open, .renewing: min(replyDeadline, session.deadline)
        case .closed: .never
        }
    }

    @inline(__always) private var replyDeadline: MonotonicTime {
        session.isAwaiting
            ? awaitedSince.advanced(byMilliseconds: replyTimeoutMilliseconds) : .never
    }

    package mutating func deadlineReached(
        now: MonotonicTime
    ) -> (resolutions: [Resolution], stalls: Bool) {
        switch state {
        case .disconnected, .loggingIn: (session.expire(now, lastError), false)
        case .opening, .open, .renewing:
            (session.expire(now, .timedOut), replyDeadline <= now)
        case .closed: ([], false)
        }
    }
}
