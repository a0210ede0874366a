/// The life of an outgoing connection, without a socket, a resolver or a clock: events in, actions
/// out. It comes back after each failure, when the backoff has passed, until `close`.
package struct OutgoingConnectionStateMachine {
    private enum State {
        /// Waits for the next attempt. Can transition to: resolving, closed.
        case disconnected(until: MonotonicTime)
        /// The host's name is looked up. Can transition to: connecting, disconnected, closed.
        case resolving(until: MonotonicTime)
        /// The kernel connects to one of the host's addresses. Can transition to: connecting,
        /// shakingHands, open, disconnected, closed.
        case connecting(untried: ArraySlice<SocketAddress>, until: MonotonicTime)
        /// TLS begins. Can transition to: open, disconnected, closed.
        case shakingHands(until: MonotonicTime)
        /// Bytes can be sent, and the owner logs in: the attempt's deadline still holds. Can
        /// transition to: established, disconnected, closed.
        case open(until: MonotonicTime)
        /// Can transition to: disconnected, closed.
        case established
        /// For good.
        case closed
    }

    package enum Action {
        case none
        /// Look the host up, and call `resolved`.
        case resolve
        /// Connect to the address, and call `connected` or `connectFailed`.
        case connect(SocketAddress)
        /// Begin TLS, and call `handshakeFinished`.
        case shakeHands
        /// Bytes can be sent: the owner logs in, and calls `established`.
        case open
        /// End the socket, if there is one, and call `lost`.
        case fail(OutgoingConnectionError)
    }

    private var state: State
    private var backoff: Backoff
    private let attemptMilliseconds: Int
    private let usesTLS: Bool
    /// Whether a connection is wanted: without it no attempt begins.
    package var isWanted = true
    /// Attempts so far: each begins with another of the host's addresses.
    private var attempts = 0

    /// - Parameters:
    ///   - usesTLS: whether TLS follows the socket's connection.
    ///   - attemptMilliseconds: from the begin of an attempt until it is established.
    package init(
        usesTLS: Bool, attemptMilliseconds: Int, backoff: Backoff, now: MonotonicTime
    ) {
        self.usesTLS = usesTLS
        self.attemptMilliseconds = attemptMilliseconds
        self.backoff = backoff
        state = .disconnected(until: now)
    }

    /// Whether an address is expected of the resolver.
    package var isResolving: Bool { if case .resolving = state { true } else { false } }
    /// Whether the kernel has not decided on the socket.
    package var isConnecting: Bool { if case .connecting = state { true } else { false } }
    package var isShakingHands: Bool { if case .shakingHands = state { true } else { false } }
    /// Whether the socket is connected.
    package var isConnected: Bool {
        switch state {
        case .shakingHands, .open, .established: true
        case .disconnected, .resolving, .connecting, .closed: false
        }
    }
    /// Whether bytes can be sent.
    package var isOpen: Bool {
        switch state {
        case .open, .established: true
        case .disconnected, .resolving, .connecting, .shakingHands, .closed: false
        }
    }

    // MARK: - An attempt

    /// The host's addresses, or the reason why there are none. An answer that comes when none is
    /// expected, since its attempt has ended, is ignored.
    package mutating func resolved(
        _ result: Result<[SocketAddress], OutgoingConnectionError>
    ) -> Action {
        guard case .resolving(let until) = state else { return .none }
        switch result {
        case .failure(let error): return .fail(error)
        case .success(let addresses):
            guard !addresses.isEmpty else { return .fail(.connectionLost) }
            // An address that swallows every packet uses up the whole time of an attempt, so the
            // next attempt begins with another one.
            let first = attempts % addresses.count
            return connect(addresses[first...] + addresses[..<first], until)
        }
    }

    private mutating func connect(
        _ addresses: ArraySlice<SocketAddress>, _ until: MonotonicTime
    ) -> Action {
        var untried = addresses
        guard let address = untried.popFirst() else { return .fail(.connectionLost) }
        state = .connecting(untried: untried, until: until)
        return .connect(address)
    }

    /// The kernel refuses the address that `connect` named.
    package mutating func connectFailed(_ error: SystemError) -> Action {
        guard case .connecting(let untried, let until) = state else {
            preconditionFailure("connectFailed() outside .connecting")
        }
        return untried.isEmpty ? .fail(.connectFailed(error)) : connect(untried, until)
    }

    /// The socket is connected.
    package mutating func connected() -> Action {
        guard case .connecting(_, let until) = state else {
            preconditionFailure("connected() outside .connecting")
        }
        if usesTLS {
            state = .shakingHands(until: until)
            return .shakeHands
        }
        state = .open(until: until)
        return .open
    }

    /// TLS is there.
    package mutating func handshakeFinished() -> Action {
        guard case .shakingHands(let until) = state else {
            preconditionFailure("handshakeFinished() outside .shakingHands")
        }
        state = .open(until: until)
        return .open
    }

    /// The owner has logged in: the attempt's deadline is over.
    package mutating func established() {
        guard case .open = state else { preconditionFailure("established() outside .open") }
        state = .established
    }

    /// The peer has done what a connection is for, so the next failure is a first one.
    package mutating func succeeded() { backoff.succeeded() }

    // MARK: - Ends

    /// The attempt failed, or the connection broke: the next attempt follows the backoff.
    ///
    /// - Parameter jitter: 0 to 1, at random.
    package mutating func lost(now: MonotonicTime, jitter: Double) {
        if case .closed = state { return }
        state = .disconnected(until: now.advanced(byMilliseconds: backoff.failed(jitter: jitter)))
    }

    /// The meaning of an error at this stage: an end during the handshake is one of TLS.
    package func explained(_ error: OutgoingConnectionError) -> OutgoingConnectionError {
        switch error {
        case .connectionLost where isShakingHands: .tlsFailed(.ended)
        case .timedOut where isShakingHands: .tlsFailed(.unanswered)
        default: error
        }
    }

    package mutating func close() { state = .closed }

    // MARK: - Deadlines

    /// When `deadlineReached` is to be called.
    package var deadline: MonotonicTime {
        switch state {
        case .disconnected where !isWanted: .never
        case .disconnected(let until), .resolving(let until), .connecting(_, let until),
            .shakingHands(let until), .open(let until):
            until
        case .established, .closed: .never
        }
    }

    /// The next attempt is due, or this one has taken too long.
    package mutating func deadlineReached(now: MonotonicTime) -> Action {
        guard deadline <= now else { return .none }
        guard case .disconnected = state else { return .fail(.timedOut) }
        attempts += 1
        state = .resolving(until: now.advanced(byMilliseconds: attemptMilliseconds))
        return .resolve
    }
}
