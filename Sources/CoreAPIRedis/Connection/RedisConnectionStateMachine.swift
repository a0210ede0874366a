package import CoreAPIBase

/// What a connection to Redis does, without a socket, a clock or a wait: events in, actions out.
///
/// Commands are answered in the order in which they were sent. When the connection breaks, all that
/// have no answer are sent again over the next one, until their deadline: so every command given to
/// this machine must be one that can be executed twice with the effect of once. At its deadline a
/// command that was wholly sent before may have been executed (`RedisFailure.mayBeExecuted`); one
/// that was not was not: Redis executes no part of a command.
///
/// A machine that is on demand wants a connection only while a command waits for it, and sends no
/// command again.
///
/// Attempts, TLS and the backoff between attempts are the part of `OutgoingConnection`.
///
/// `Waiter` is what waits for a reply: a continuation in the program, a number in a test.
package struct RedisConnectionStateMachine<Waiter>: RedisConnectionMachine {
    /// A waiter with the reply it waited for, or why there is none.
    package struct Resolution {
        package let waiter: Waiter
        package let result: Result<RedisReply, RedisFailure>
    }

    private enum State: Equatable {
        /// Nothing can be sent. Can transition to: loggingIn, ready, closed.
        case disconnected
        /// AUTH, SELECT and SCRIPT LOAD are sent. Can transition to: ready, disconnected, closed.
        case loggingIn(repliesMissing: Int)
        /// Can transition to: renewing, disconnected, closed.
        case ready
        /// The connection is to be made anew: what was sent is answered first. Can transition to:
        /// disconnected, closed.
        case renewing
        /// For good.
        case closed
    }

    private let limits: RedisLimits
    private var login: RedisLogin
    private var secrets: RedisSecrets
    private let isOnDemand: Bool
    private let isNode: Bool
    private var state = State.disconnected
    private var pipeline = RedisPipeline<Waiter>()
    private var lastError = RedisError.timedOut
    /// When Redis last answered, or was last asked after it had answered everything.
    private var awaitedSince: MonotonicTime

    /// - Parameters:
    ///   - name: of the connection.
    ///   - scripts: what is loaded at each login, for commands that call it by its digest.
    ///   - isOnDemand: whether it connects for commands alone, and sends none of them twice.
    ///   - isNode: whether the server is a node of a cluster: its redirections are replies, while
    ///     any other error that passes ends the connection.
    package init(
        url: RedisURL, name: RedisClientName? = nil, limits: RedisLimits,
        scripts: [RedisScript] = [],
        isOnDemand: Bool = false, isNode: Bool = false, now: MonotonicTime
    ) {
        self.limits = limits
        self.isOnDemand = isOnDemand
        self.isNode = isNode
        login = RedisLogin(url, name: name, scripts: scripts)
        secrets = RedisSecrets(url)
        awaitedSince = now
    }

    // These are inlined, since a call would copy the machine.
    @inline(__always) package var isReady: Bool { state == .ready }

    @inline(__always) var isClosed: Bool { state == .closed }

    /// Whether a connection is of use.
    @inline(__always) package var isWanted: Bool {
        state != .closed && !(isOnDemand && pipeline.isEmpty)
    }

    /// Whether Redis has not answered the whole login.
    @inline(__always) var isLoggingIn: Bool { if case .loggingIn = state { true } else { false } }

    /// Whether no command waits for a reply.
    @inline(__always) var isIdle: Bool { pipeline.isEmpty }

    // MARK: - Commands

    /// A command that somebody wants to be executed.
    package mutating func submitted(
        _ command: RedisCommand, _ waiter: consuming Waiter, now: MonotonicTime
    ) -> RedisSubmitAction {
        if state == .closed { return .reject(.notExecuted(.closed)) }
        guard pipeline.count < limits.pendingMax,
            pipeline.byteCount + command.bytes.count <= limits.backlogBytesMax
        else { return .reject(.notExecuted(.backlogFull)) }
        if pipeline.isEmpty { awaitedSince = now }
        pipeline.append(
            command, waiter,
            deadline: now.advanced(byMilliseconds: limits.commandTimeoutMilliseconds))
        return isReady ? .flush : .wait
    }

    // MARK: - Sending

    @discardableResult package mutating func flush(
        now: MonotonicTime, _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) -> MonotonicTime {
        guard isReady else { return deadline }
        try pipeline.send(send)
        return deadline
    }

    // MARK: - Connecting

    /// Bytes can be sent: returns those of the login, of which there may be none.
    package mutating func connected(now: MonotonicTime) -> [UInt8] {
        guard state == .disconnected else {
            preconditionFailure("connected() outside .disconnected")
        }
        if login.replies.isEmpty {
            becomeReady(now)
        } else {
            state = .loggingIn(repliesMissing: login.replies.count)
        }
        return login.command.bytes
    }

    private mutating func becomeReady(_ now: MonotonicTime) {
        state = .ready
        awaitedSince = now
    }

    // MARK: - Replies

    package mutating func received(
        _ reply: RedisReply, now: MonotonicTime
    ) -> RedisConnectionAction<Resolution> {
        switch state {
        case .loggingIn(let repliesMissing):
            do {
                let missing = try login.received(reply, missing: repliesMissing, secrets)
                guard missing == 0 else {
                    state = .loggingIn(repliesMissing: missing)
                    return .none
                }
            } catch { return .fail(error) }
            becomeReady(now)
            return .ready([])
        case .ready: return receivedForPipeline(reply, now)
        case .renewing:
            let action = receivedForPipeline(reply, now)
            return pipeline.isAwaiting ? action : action.last
        case .disconnected, .closed:
            preconditionFailure("received() without a connection")
        }
    }

    @inline(__always)
    private mutating func receivedForPipeline(
        _ reply: RedisReply, _ now: MonotonicTime
    ) -> RedisConnectionAction<Resolution> {
        awaitedSince = now
        if case .error(let error) = reply {
            return pipeline.received(.error(secrets.stripped(error)), isNode: isNode)
        }
        return pipeline.received(reply, isNode: isNode)
    }

    // MARK: - Renewal

    package mutating func adopt(_ url: RedisURL) {
        login = login.with(url)
        secrets = RedisSecrets(url).with(secrets)
    }

    package mutating func renew() -> Bool {
        switch state {
        case .disconnected, .loggingIn: return true
        case .ready where pipeline.isAwaiting:
            state = .renewing
            return false
        case .ready: return true
        case .renewing, .closed: return false
        }
    }

    package mutating func restarted(now: MonotonicTime) -> [Resolution] {
        precondition(state != .closed, "restarted() after close()")
        state = .disconnected
        pipeline.rewind()
        return pipeline.expire(before: now, lastError)
    }

    // MARK: - Ends

    /// The connection broke or could not be made. Returns the commands whose time is over, or that
    /// waiting does not help; the others wait for the next attempt.
    package mutating func lost(_ error: RedisError, now: MonotonicTime) -> [Resolution] {
        precondition(state != .closed, "lost() after close()")
        lastError = error
        state = .disconnected
        if isOnDemand { return pipeline.failAll(error) }
        pipeline.rewind()
        // Logging in with a wrong password is not mended by waiting.
        if case .refused(let reply) = error, !reply.isPassing {
            return pipeline.failAll(error)
        }
        return pipeline.expire(before: now, error)
    }

    /// For good: everybody who waits is told.
    package mutating func close() -> [Resolution] {
        guard state != .closed else { return [] }
        state = .closed
        return pipeline.failAll(.closed)
    }

    // MARK: - Deadlines

    /// When `deadlineReached` is to be called.
    @inline(__always) package var deadline: MonotonicTime {
        switch state {
        case .disconnected, .loggingIn: pipeline.deadline
        case .ready, .renewing: min(replyDeadline, pipeline.deadline)
        case .closed: .never
        }
    }

    @inline(__always) private var replyDeadline: MonotonicTime {
        pipeline.isEmpty
            ? .never : awaitedSince.advanced(byMilliseconds: limits.replyTimeoutMilliseconds)
    }

    /// The time of some commands is over, or Redis has not answered for too long: then the
    /// connection is to be ended by `lost`.
    package mutating func deadlineReached(
        now: MonotonicTime
    ) -> (resolutions: [Resolution], stalls: Bool) {
        switch state {
        case .disconnected, .loggingIn: (pipeline.expire(before: now, lastError), false)
        case .ready, .renewing:
            (pipeline.abandon(before: now, .timedOut), replyDeadline <= now)
        case .closed: ([], false)
        }
    }
}
