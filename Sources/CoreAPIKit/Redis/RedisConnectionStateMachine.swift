internal import DequeModule

/// What a connection to Redis does, without a socket, a clock or a wait: events in, actions out.
///
/// Commands are answered in the order in which they were sent. One that was wholly sent when the
/// connection breaks may have been executed (`RedisFailure.mayBeExecuted`); every other one stays
/// in the backlog for the next connection, until its deadline: Redis executes no part of a command.
///
/// `Waiter` is what waits for a reply: a continuation in the program, a number in a test.
package struct RedisConnectionStateMachine<Waiter> {
    /// A waiter with the reply it waited for, or why there is none.
    package struct Resolution {
        package let waiter: Waiter
        package let result: Result<RedisReply, RedisFailure>
    }

    private enum State: Equatable {
        /// Waits until a new attempt. Can transition to: connecting, closed.
        case disconnected(until: MonotonicTime)
        /// A socket is being opened. Can transition to: loggingIn, ready, disconnected, closed.
        case connecting(until: MonotonicTime)
        /// AUTH and SELECT are sent. Can transition to: ready, disconnected, closed.
        case loggingIn(repliesMissing: Int, until: MonotonicTime)
        /// Can transition to: disconnected, closed.
        case ready
        /// For good.
        case closed
    }

    private struct Pending {
        let waiter: Waiter
        let deadline: MonotonicTime
        /// Where its bytes begin and end, counted from the first byte ever given to this machine.
        let start: UInt64
        let end: UInt64
        var repliesMissing: Int
        var firstError: RedisServerError?
    }

    private let limits: RedisLimits
    private let login: RedisCommand
    private let password: String?
    private var state: State
    private var pending: Deque<Pending> = []
    /// Bytes of commands from `outgoingStart` on; those before `sent` are with the kernel.
    private var outgoing: [UInt8] = []
    private var outgoingStart: UInt64 = 0
    private var sent: UInt64 = 0
    private var attempts = 0
    private var lastError = RedisError.timedOut

    package init(url: RedisURL, limits: RedisLimits, now: MonotonicTime) {
        self.limits = limits
        var login = RedisCommand()
        if let password = url.password {
            // Without a user, the form that servers before Redis 6 know too.
            if let user = url.user {
                login.add("AUTH", user, password)
            } else {
                login.add("AUTH", password)
            }
        }
        if url.database != 0 { login.add("SELECT", String(url.database)) }
        self.login = login
        password = url.password
        state = .disconnected(until: now)
    }

    package var isReady: Bool { state == .ready }

    // MARK: - Commands

    package enum SubmitAction {
        /// The command waits for its reply; if the connection is ready, it is to be flushed.
        case flush
        case wait
        case reject(RedisFailure)
    }

    /// A command that somebody wants to be executed.
    package mutating func submitted(
        _ command: RedisCommand, _ waiter: Waiter, now: MonotonicTime
    ) -> SubmitAction {
        if state == .closed { return .reject(.notExecuted(.closed)) }
        guard pending.count < limits.pendingMax,
            outgoing.count + command.bytes.count <= limits.backlogBytesMax
        else { return .reject(.notExecuted(.backlogFull)) }
        precondition(command.replyCount > 0, "a command has a reply")
        let start = outgoingEnd
        outgoing += command.bytes
        pending.append(
            Pending(
                waiter: waiter,
                deadline: now.advanced(byMilliseconds: limits.commandTimeoutMilliseconds),
                start: start, end: outgoingEnd, repliesMissing: command.replyCount))
        return isReady ? .flush : .wait
    }

    // MARK: - Sending

    /// Sends what there is to send, if the connection is ready.
    ///
    /// - Parameter send: hands the bytes from a position on to the kernel: how many it took, nil if
    ///   it takes none now.
    package mutating func flush(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {
        guard isReady else { return }
        while sent < outgoingEnd {
            guard let count = try send(outgoing, Int(sent - outgoingStart)) else { return }
            sent += UInt64(count)
        }
        precondition(sent == outgoingEnd, "no more can be sent than there is")
        outgoingStart = sent
        outgoing.removeAll(keepingCapacity: outgoing.capacity <= limits.keptBytesMax)
    }

    // MARK: - Connecting

    /// A new attempt begins; the machine was `disconnected`.
    package mutating func connectStarted(now: MonotonicTime) {
        guard case .disconnected = state else {
            preconditionFailure("a connection is opened when there is none")
        }
        state = .connecting(
            until: now.advanced(byMilliseconds: limits.connectTimeoutMilliseconds))
    }

    /// The socket is open: what is to be sent first, which may be nothing.
    package mutating func connected() -> [UInt8] {
        guard case .connecting(let until) = state else {
            preconditionFailure("a socket opens while it is being opened")
        }
        if login.replyCount == 0 {
            becomeReady()
        } else {
            state = .loggingIn(repliesMissing: login.replyCount, until: until)
        }
        return login.bytes
    }

    private mutating func becomeReady() {
        state = .ready
        attempts = 0
    }

    // MARK: - Replies

    package enum ReplyAction {
        case none
        /// Logged in: what waits is to be flushed.
        case flush
        case resolve(Resolution)
        /// The connection is to be ended by `lost`.
        case fail(RedisError)
    }

    package mutating func received(_ reply: RedisReply) -> ReplyAction {
        switch state {
        case .loggingIn(let repliesMissing, let until):
            if case .error(let error) = reply { return .fail(.refused(shown(error))) }
            guard repliesMissing > 1 else {
                becomeReady()
                return .flush
            }
            state = .loggingIn(repliesMissing: repliesMissing - 1, until: until)
            return .none
        case .ready:
            return receivedForHead(reply)
        case .disconnected, .connecting, .closed:
            preconditionFailure("a reply comes over a connection")
        }
    }

    /// The error without its text if that repeats the password, as for a command that is unknown.
    private func shown(_ error: RedisServerError) -> RedisServerError {
        guard let password, error.message.contains(password) else { return error }
        return RedisServerError(message: error.kind.rawValue)
    }

    private mutating func receivedForHead(_ reply: RedisReply) -> ReplyAction {
        // A reply to nothing, or to a command that has not left yet, is none of Redis's.
        guard var head = pending.first, head.end <= sent else { return .fail(.protocolViolation) }
        if case .error(let error) = reply, head.firstError == nil { head.firstError = error }
        head.repliesMissing -= 1
        guard head.repliesMissing == 0 else {
            pending[0] = head
            return .none
        }
        pending.removeFirst()
        if let error = head.firstError {
            return .resolve(
                Resolution(waiter: head.waiter, result: .failure(.notExecuted(.server(error)))))
        }
        return .resolve(Resolution(waiter: head.waiter, result: .success(reply)))
    }

    // MARK: - Ends

    /// The connection broke or could not be made: those whose command may have been executed, and
    /// those whose time is over. A new attempt follows after a pause.
    ///
    /// - Parameter jitter: 0 to 1, at random, so that many clients do not come back at once.
    package mutating func lost(
        _ error: RedisError, now: MonotonicTime, jitter: Double
    ) -> [Resolution] {
        precondition(state != .closed, "a closed connection is not lost")
        lastError = error
        let pause = limits.pauseMilliseconds(attempt: attempts, jitter: jitter)
        attempts += 1
        state = .disconnected(until: now.advanced(byMilliseconds: pause))
        var resolutions: [Resolution] = []
        while let head = pending.first, head.end <= sent {
            pending.removeFirst()
            resolutions.append(
                Resolution(waiter: head.waiter, result: .failure(.mayBeExecuted(error))))
        }
        rewind()
        // Logging in with a wrong password is not mended by waiting.
        if case .refused(let reply) = error, reply.kind != .loading {
            resolutions += failAll(.notExecuted(error))
        }
        return resolutions + expire(now: now)
    }

    /// For good: everybody who waits is told.
    package mutating func close() -> [Resolution] {
        guard state != .closed else { return [] }
        var resolutions: [Resolution] = []
        for waiting in pending {
            let failure: RedisFailure =
                waiting.end <= sent ? .mayBeExecuted(.closed) : .notExecuted(.closed)
            resolutions.append(Resolution(waiter: waiting.waiter, result: .failure(failure)))
        }
        pending.removeAll()
        outgoing = []
        state = .closed
        return resolutions
    }

    // MARK: - Deadlines

    /// When `deadlineReached` is to be called.
    package var deadline: MonotonicTime {
        switch state {
        case .disconnected(let until): min(until, headDeadline)
        case .connecting(let until), .loggingIn(_, let until): min(until, headDeadline)
        case .ready: headDeadline
        case .closed: .never
        }
    }

    private var headDeadline: MonotonicTime { pending.first?.deadline ?? .never }

    package enum DeadlineAction {
        case none
        /// A new attempt is due.
        case connect
        /// The connection stalls: it is to be ended by `lost`.
        case fail(RedisError)
    }

    /// The time has come for something: those who have waited long enough for a connection, and
    /// what is to be done.
    package mutating func deadlineReached(
        now: MonotonicTime
    ) -> (resolutions: [Resolution], action: DeadlineAction) {
        switch state {
        case .disconnected(let until):
            return (expire(now: now), until <= now ? .connect : .none)
        case .connecting(let until), .loggingIn(_, let until):
            return (expire(now: now), until <= now ? .fail(.timedOut) : .none)
        case .ready:
            // All have the same time, and the head has waited longest: Redis does not answer.
            return ([], headDeadline <= now ? .fail(.timedOut) : .none)
        case .closed:
            return ([], .none)
        }
    }

    /// Gives up the commands at the head whose time is over; none of them is with the kernel.
    private mutating func expire(now: MonotonicTime) -> [Resolution] {
        var resolutions: [Resolution] = []
        while let head = pending.first, head.deadline <= now {
            pending.removeFirst()
            resolutions.append(
                Resolution(waiter: head.waiter, result: .failure(.notExecuted(lastError))))
        }
        rewind()
        return resolutions
    }

    private mutating func failAll(_ failure: RedisFailure) -> [Resolution] {
        let resolutions = pending.map { Resolution(waiter: $0.waiter, result: .failure(failure)) }
        pending.removeAll()
        rewind()
        return resolutions
    }

    private var outgoingEnd: UInt64 { outgoingStart + UInt64(outgoing.count) }

    /// Without a connection: the next one begins with the first command that still waits. What was
    /// sent of it is no command, it is sent again as a whole; those before it are never sent again.
    private mutating func rewind() {
        let next = pending.first?.start ?? outgoingEnd
        outgoing.removeFirst(Int(next - outgoingStart))
        outgoingStart = next
        sent = next
    }
}
