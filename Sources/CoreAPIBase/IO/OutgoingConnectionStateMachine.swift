/// The state machine of an outgoing connection, without a socket, a resolver or a clock: events in,
/// actions out. It reconnects after each failure, when the backoff has passed, until `close`.
package struct OutgoingConnectionStateMachine {
    private enum State {
        /// Waits for the next attempt. Can transition to: locating, resolving, closed.
        case disconnected(until: MonotonicTime)
        /// The owner looks for the server. Can transition to: resolving, disconnected, closed.
        case locating(until: MonotonicTime)
        /// The host name is being resolved. Can transition to: connecting, disconnected, closed.
        case resolving(until: MonotonicTime)
        /// The kernel connects to one of the host's addresses. Can transition to: connecting,
        /// shakingHands, open, disconnected, closed.
        case connecting(untried: ArraySlice<SocketAddress>, until: MonotonicTime)
        /// The TLS handshake is in progress. Can transition to: open, disconnected, closed.
        case shakingHands(until: MonotonicTime)
        /// The owner logs in. The attempt's deadline still applies. Can transition to: established,
        /// disconnected, closed.
        case open(until: MonotonicTime)
        /// The owner is logged in. Can transition to: disconnected, closed.
        case established
        /// `close` was called: the last state.
        case closed
    }

    package enum Action {
        case none
        /// Find out the server's endpoint, then call `located`.
        case locate
        /// Resolve the host name, then call `resolved`.
        case resolve
        /// Connect to the address, then call `connected` or `connectFailed`.
        case connect(SocketAddress)
        /// Start the TLS handshake, then call `handshakeFinished`.
        case shakeHands
        /// Let the owner log in, then call `established`.
        case open
        /// Close the socket, if one is open, then call `lost`.
        case fail(OutgoingConnectionError)
    }

    private var state: State
    private var backoff: Backoff
    private let attemptMilliseconds: Int
    private let usesTLS: Bool
    /// Whether each attempt begins with the question for the endpoint.
    private let isLocated: Bool
    /// Whether a connection is wanted. No attempt begins while this is false.
    package var isWanted = true
    /// The number of attempts so far. Each attempt starts with another of the host's addresses.
    private var attempts = 0

    /// - Parameters:
    ///   - usesTLS: whether TLS follows the socket's connection.
    ///   - isLocated: whether each attempt begins with the question for the server's endpoint.
    ///   - attemptMilliseconds: the limit from the start of an attempt to `established`.
    package init(
        usesTLS: Bool, isLocated: Bool = false, attemptMilliseconds: Int, backoff: Backoff,
        now: MonotonicTime
    ) {
        self.usesTLS = usesTLS
        self.isLocated = isLocated
        self.attemptMilliseconds = attemptMilliseconds
        self.backoff = backoff
        state = .disconnected(until: now)
    }

    /// Whether the owner looks for the server.
    package var isLocating: Bool { if case .locating = state { true } else { false } }
    /// Whether the host name is being resolved.
    package var isResolving: Bool { if case .resolving = state { true } else { false } }
    /// Whether the kernel is connecting the socket.
    package var isConnecting: Bool { if case .connecting = state { true } else { false } }
    package var isShakingHands: Bool { if case .shakingHands = state { true } else { false } }
    /// Whether an attempt has its endpoint, or the connection is open.
    package var isUnderWay: Bool { isResolving || isConnecting || isConnected }
    /// Whether the socket is connected.
    package var isConnected: Bool {
        switch state {
        case .shakingHands, .open, .established: true
        case .disconnected, .locating, .resolving, .connecting, .closed: false
        }
    }
    /// Whether bytes can be sent.
    package var isOpen: Bool {
        switch state {
        case .open, .established: true
        case .disconnected, .locating, .resolving, .connecting, .shakingHands, .closed: false
        }
    }

    // MARK: - An attempt

    /// Reports that the endpoint is known. The call is ignored outside `.locating`: the attempt
    /// that asked has ended.
    package mutating func located() -> Action {
        guard case .locating(let until) = state else { return .none }
        state = .resolving(until: until)
        return .resolve
    }

    /// Reports the host's addresses, or the resolver's error. The call is ignored outside
    /// `.resolving`: the attempt that started the resolver has ended.
    package mutating func resolved(
        _ result: Result<[SocketAddress], OutgoingConnectionError>
    ) -> Action {
        guard case .resolving(let until) = state else { return .none }
        switch result {
        case .failure(let error): return .fail(error)
        case .success(let addresses):
            guard !addresses.isEmpty else { return .fail(.connectionLost) }
            // An address that drops every packet uses the whole time of an attempt. The next
            // attempt therefore starts with another address.
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

    /// Reports that the connection to the address of `.connect` failed.
    package mutating func connectFailed(_ error: SystemError) -> Action {
        guard case .connecting(let untried, let until) = state else {
            preconditionFailure("connectFailed() outside .connecting")
        }
        return untried.isEmpty ? .fail(.connectFailed(error)) : connect(untried, until)
    }

    /// Reports that the socket is connected.
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

    /// Reports that the TLS handshake is complete.
    package mutating func handshakeFinished() -> Action {
        guard case .shakingHands(let until) = state else {
            preconditionFailure("handshakeFinished() outside .shakingHands")
        }
        state = .open(until: until)
        return .open
    }

    /// Reports that the owner is logged in. The attempt's deadline no longer applies.
    package mutating func established() {
        guard case .open = state else { preconditionFailure("established() outside .open") }
        state = .established
    }

    /// Resets the backoff: the server has served a request.
    package mutating func succeeded() { backoff.succeeded() }

    // MARK: - Ends

    /// Reports that the attempt failed or the connection broke. The next attempt follows the
    /// backoff.
    ///
    /// - Parameter jitter: a random number from 0 to 1.
    package mutating func lost(now: MonotonicTime, jitter: Double) {
        if case .closed = state { return }
        state = .disconnected(until: now.advanced(byMilliseconds: backoff.failed(jitter: jitter)))
    }

    /// The error to report in the present state: a loss or a timeout during the TLS handshake is an
    /// error of TLS.
    package func explained(_ error: OutgoingConnectionError) -> OutgoingConnectionError {
        switch error {
        case .connectionLost where isShakingHands, .ended where isShakingHands: .tlsFailed(.ended)
        case .timedOut where isShakingHands: .tlsFailed(.unanswered)
        default: error
        }
    }

    /// Reports that the owner has ended the connection, or the attempt, to make it anew. The next
    /// attempt follows at once.
    package mutating func restarted(now: MonotonicTime) {
        if case .closed = state { return }
        state = .disconnected(until: now)
    }

    package mutating func close() { state = .closed }

    // MARK: - Deadlines

    /// The time at which `deadlineReached` must be called.
    package var deadline: MonotonicTime {
        switch state {
        case .disconnected where !isWanted: .never
        case .disconnected(let until), .locating(let until), .resolving(let until),
            .connecting(_, let until), .shakingHands(let until), .open(let until):
            until
        case .established, .closed: .never
        }
    }

    /// Starts the attempt that is due, or ends the attempt that exceeds its limit.
    package mutating func deadlineReached(now: MonotonicTime) -> Action {
        guard deadline <= now else { return .none }
        guard case .disconnected = state else { return .fail(.timedOut) }
        attempts += 1
        let until = now.advanced(byMilliseconds: attemptMilliseconds)
        if isLocated {
            state = .locating(until: until)
            return .locate
        }
        state = .resolving(until: until)
        return .resolve
    }
}
