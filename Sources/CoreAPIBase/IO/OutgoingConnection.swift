/// A connection to a server. It resolves the server's name, connects, starts TLS if it has a TLS
/// context, and reconnects after each failure. It performs the actions of
/// `OutgoingConnectionStateMachine` on the thread of its loop.
package final class OutgoingConnection: EventHandler, @unchecked Sendable {
    /// The address of a server.
    package enum Endpoint: Hashable, Sendable {
        /// A name or an address, and a port.
        case tcp(host: String, port: UInt16)
        /// The absolute path of a socket in the file system.
        case unix(path: String)
    }

    private let loop: EventLoop
    /// The server of the present attempt or connection; nil before the owner has located it.
    package private(set) var endpoint: Endpoint?
    private var tlsContext: TLSContext?
    /// Set from `start` to `close`. Connection and owner hold a reference to each other meanwhile.
    private var owner: (any OutgoingConnectionOwner)?
    // The machine calls nothing: no exclusivity check is needed.
    @exclusivity(unchecked) private var uncheckedMachine: OutgoingConnectionStateMachine
    private var machine: OutgoingConnectionStateMachine {
        _read { yield unsafe uncheckedMachine }
        _modify { yield unsafe &uncheckedMachine }
    }
    private var socket: Socket?
    /// Between the socket and the owner; nil without TLS.
    private var tls: TLSSession?
    /// Whether a thread of the resolver is running. At most one does.
    private var hasResolver = false
    /// Whether the loop will call `flush` in this turn.
    private var hasRequestedFlush = false
    /// Whether the last send would have blocked. The loop reports when the socket is writable.
    private var isBlocked = false

    /// - Parameters:
    ///   - endpoint: nil if the owner locates the server for each attempt.
    ///   - tls: nil for a connection in clear text.
    ///   - attemptMilliseconds: the limit from the start of an attempt to `established`.
    package init(
        to endpoint: Endpoint?, tls: TLSContext?, on loop: EventLoop, attemptMilliseconds: Int,
        backoff: Backoff
    ) {
        self.endpoint = endpoint
        self.loop = loop
        tlsContext = tls
        unsafe uncheckedMachine = OutgoingConnectionStateMachine(
            usesTLS: tls != nil, isLocated: endpoint == nil,
            attemptMilliseconds: attemptMilliseconds, backoff: backoff, now: .now())
    }

    /// Whether bytes can be sent.
    package var isOpen: Bool { machine.isOpen }

    /// Whether a connection is wanted. No attempt begins while this is false.
    package var isWanted: Bool {
        get { machine.isWanted }
        set {
            machine.isWanted = newValue
            loop.bringForward(machine.deadline)
        }
    }

    /// Starts to connect, if a connection is wanted.
    ///
    /// - Parameter owner: kept until `close`.
    package func start(for owner: any OutgoingConnectionOwner) {
        self.owner = owner
        loop.addTimed(self)
        deadlineReached(now: loop.now)
    }

    /// Closes the connection. No attempt follows.
    package func close() {
        machine.close()
        closeSocket()
        loop.removeTimed(self)
        owner = nil
    }

    /// Reports that the owner is logged in.
    package func established() { machine.established() }

    /// Resets the backoff: the server has served a request.
    package func succeeded() { machine.succeeded() }

    /// Closes the socket on behalf of the owner. Another attempt follows the backoff.
    package func end() {
        closeSocket()
        machine.lost(now: loop.now, jitter: .random(in: 0...1))
        loop.bringForward(machine.deadline)
    }

    /// Closes the socket on behalf of the owner, or gives up the attempt. The next attempt follows
    /// in the loop's next turn.
    package func restart() {
        closeSocket()
        machine.restarted(now: loop.now)
        loop.bringForward(machine.deadline)
    }

    /// Uses other certificates from the next attempt on.
    ///
    /// - Parameter tls: nil for a connection in clear text, which stays one.
    package func adopt(tls: TLSContext?) {
        precondition(
            (tls == nil) == (tlsContext == nil), "OutgoingConnection.adopt: TLS begins or ends")
        tlsContext = tls
    }

    private func lose(_ error: OutgoingConnectionError) {
        let error = machine.explained(error)
        end()
        owner?.connectionLost(error)
    }

    private func closeSocket() {
        if let socket = socket.take() { loop.unregister(socket) }
        tls = nil
        isBlocked = false
    }

    private func perform(_ first: OutgoingConnectionStateMachine.Action) {
        var action = first
        while true {
            switch action {
            case .none: return
            case .locate:
                loop.bringForward(machine.deadline)
                owner?.connectionLocating()
                return
            case .resolve: return resolve()
            case .connect(let address):
                guard let failure = connect(to: address) else { return }
                action = machine.connectFailed(failure)
            case .shakeHands: return beginTLS()
            case .open: return open()
            case .fail(let error): return lose(error)
            }
        }
    }

    // MARK: - Connecting

    /// Whether the owner has been asked for the endpoint, and the attempt waits for it.
    package var isLocating: Bool { machine.isLocating }

    /// Whether an attempt has begun, and has not ended.
    package var isAttempting: Bool { machine.isLocating || machine.isUnderWay }

    /// Whether an attempt is on its way to `endpoint`, or a connection to it is open.
    package var isUnderWay: Bool { machine.isUnderWay }

    /// The answer to `connectionLocating`. Without an attempt that waits for it, it has no effect.
    package func located(at endpoint: Endpoint) {
        guard isLocating else { return }
        self.endpoint = endpoint
        perform(machine.located())
    }

    private func resolve() {
        loop.bringForward(machine.deadline)
        switch endpoint {
        case nil: preconditionFailure("resolve() without an endpoint")
        case .unix(let path):
            let address = Result { () throws(SystemError) in try SocketAddress(unixPath: path) }
            perform(machine.resolved(address.map { [$0] }.mapError { .connectFailed($0) }))
        case .tcp(let host, let port):
            if let numeric = try? SocketAddress.resolve(host: host, port: port, numericOnly: true) {
                perform(machine.resolved(.success(numeric)))
            } else if !hasResolver {
                resolveName(host, port)
            }
        }
    }

    /// Resolves the name on a new thread, because the resolver blocks. If the resolver takes longer
    /// than the attempt, a later attempt uses its result.
    private func resolveName(_ host: String, _ port: UInt16) {
        let loop = loop
        let resolved = endpoint
        hasResolver = true
        do {
            try Thread.start(named: "core-api-dns") { [weak self] in
                let addresses = Result { () throws(ResolveError) in
                    try SocketAddress.resolve(host: host, port: port, numericOnly: false)
                }.mapError { OutgoingConnectionError.hostNotFound("\($0.host): \($0.reason)") }
                loop.submit { self?.resolvedName(resolved, addresses) }
            }
        } catch {
            hasResolver = false
            lose(.connectFailed(error))
        }
    }

    private func resolvedName(
        _ resolved: Endpoint?, _ addresses: Result<[SocketAddress], OutgoingConnectionError>
    ) {
        hasResolver = false
        if resolved == endpoint {
            perform(machine.resolved(addresses))
        } else if machine.isResolving {
            // The attempt that started the resolver was to another server.
            resolve()
        }
    }

    /// Starts to connect the socket. Returns the error if the attempt fails at once; nil while the
    /// kernel connects.
    private func connect(to address: SocketAddress) -> SystemError? {
        do {
            let socket = try Socket.connecting(to: address)
            try loop.register(self, for: socket)
            self.socket = consume socket
            return nil
        } catch {
            return error
        }
    }

    /// Handles the outcome of the kernel's connection attempt.
    private func finishConnecting() throws(SystemError) {
        if let error = try socket?.connectionError() {
            closeSocket()
            return perform(machine.connectFailed(error))
        }
        perform(machine.connected())
    }

    private func open() { owner?.connectionOpened() }

    /// Sends the first bytes of a protocol. They must fit into the buffer of a new socket.
    package func send(_ bytes: [UInt8]) {
        do {
            let count: Int?
            if let tls {
                count = try tls.write(bytes, from: 0)
                requestFlush()
            } else {
                count = try socket?.send(bytes, from: 0) ?? nil
            }
            if count != bytes.count { lose(.connectionLost) }
        } catch {
            lose(.connectionLost)
        }
    }

    // MARK: - Events

    package func ready(_ readiness: SocketReadiness) {
        do {
            if !machine.isConnected {
                guard machine.isConnecting, readiness.contains(.writable) else { return }
                try finishConnecting()
                guard machine.isConnected else { return }
            }
            if readiness.contains(.readable) { try read(hasEnded: readiness.contains(.ended)) }
            if isBlocked, readiness.contains(.writable) {
                isBlocked = false
                requestFlush()
            }
        } catch {
            lose(.connectionLost)
        }
    }

    private func read(hasEnded: Bool) throws(SystemError) {
        repeat {
            guard let count = try tlsContext != nil ? readTLS() : readPlain() else { return }
            if count == 0 { return lose(tlsContext == nil ? .ended : .connectionLost) }
            if count < EventLoop.readBytesMax, !hasEnded { return }
        } while machine.isConnected
    }

    /// Reads once and passes the bytes to the owner. Returns the number of bytes, 0 at the end of
    /// the stream; nil if the read would block.
    private func readPlain() throws(SystemError) -> Int? {
        let owner = owner
        let count = try socket?.read(on: loop) { owner?.connectionReceived($0) } ?? nil
        if let count, count > 0 { owner?.connectionReadEnded() }
        return count
    }

    package var deadline: MonotonicTime { machine.deadline }

    package func deadlineReached(now: MonotonicTime) { perform(machine.deadlineReached(now: now)) }

    // MARK: - Sending

    /// Calls the owner's `connectionFlushed` at the end of this turn.
    package func requestFlush() {
        guard !hasRequestedFlush else { return }
        hasRequestedFlush = true
        loop.requestFlush(self)
    }

    package func flush() {
        hasRequestedFlush = false
        guard machine.isConnected else { return }
        do {
            if let tls {
                try flush(over: tls)
            } else {
                try owner?.connectionFlushed { bytes, position throws(SystemError) in
                    try sendToKernel(bytes, from: position)
                }
            }
        } catch {
            lose(.connectionLost)
        }
    }

    /// Sends the buffer's bytes from `position` on and returns how many the kernel took; nil if the
    /// send would block.
    private func sendToKernel(_ bytes: [UInt8], from position: Int) throws(SystemError) -> Int? {
        let count = try socket?.send(bytes, from: position) ?? nil
        if count == nil { isBlocked = true }
        return count
    }

    // MARK: - TLS

    private func beginTLS() {
        guard let tlsContext, case .tcp(let host, _) = endpoint else {
            preconditionFailure("beginTLS() without a TLS context or a host")
        }
        let tls: TLSSession
        do { tls = try TLSSession(tlsContext, host: host) } catch { return lose(.tlsFailed(error)) }
        self.tls = tls
        do { try proceed(tls) } catch { lose(.connectionLost) }
    }

    /// Reads ciphertext once and processes it. Returns the same as `readPlain`.
    private func readTLS() throws(SystemError) -> Int? {
        guard let tls, let count = try socket?.read(on: loop, { tls.receive($0) }) ?? nil else {
            return nil
        }
        if count > 0 { try proceed(tls) }
        return count
    }

    /// Processes the ciphertext received so far: the handshake, then the server's bytes.
    private func proceed(_ tls: TLSSession) throws(SystemError) {
        if machine.isShakingHands {
            let isDone: Bool
            do { isDone = try tls.shakeHands() } catch {
                // The alert tells the server the reason, for its own log.
                _ = try? send(tls)
                return lose(.tlsFailed(error))
            }
            requestFlush()
            guard isDone else { return }
            // The last message of the handshake leaves with the login, in one write. A server that
            // rejects the client's certificate closes the connection after the first write; the
            // error of a second write would hide the server's alert.
            perform(machine.handshakeFinished())
        }
        guard self.tls === tls else { return }
        receive(over: tls)
    }

    private func receive(over tls: TLSSession) {
        let owner = owner
        var end: OutgoingConnectionError?
        do {
            if try !tls.read({ owner?.connectionReceived($0) }) { end = .ended }
        } catch {
            end = .tlsFailed(error)
        }
        owner?.connectionReadEnded()
        guard self.tls === tls else { return }
        if let end { return lose(end) }
        // TLS may have to answer, for example a key update.
        if tls.hasOutput { requestFlush() }
    }

    private func flush(over tls: TLSSession) throws(SystemError) {
        if machine.isOpen {
            try owner?.connectionFlushed { bytes, position throws(SystemError) in
                // While the kernel takes no ciphertext, no further bytes are encrypted.
                if !tls.hasRoom {
                    guard try send(tls) else { return nil }
                }
                return try tls.write(bytes, from: position)
            }
        }
        _ = try send(tls)
    }

    /// Sends the ciphertext. True if the kernel has taken all of it.
    private func send(_ tls: TLSSession) throws(SystemError) -> Bool {
        try tls.flush { bytes, position throws(SystemError) in
            try sendToKernel(bytes, from: position)
        }
    }
}
