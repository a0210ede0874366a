internal import CoreAPIBase

/// A connection with a caller, from accept to close. It performs the actions of
/// `ConnectionStateMachine` on its loop's thread.
///
/// A connection is not a task: it runs until it must wait, and the loop calls it when the event has
/// occurred (docs/decisions/0017-connections-are-no-tasks.md).
package final class Connection: EventHandler, @unchecked Sendable {
    let admission: ConnectionCount.Admission

    private let server: HTTPServer
    private let loop: EventLoop
    /// The application's side; created for the first request.
    private var exchange: (any HTTPExchange)?
    /// Passed from function to function as a parameter, because an access to a class's property
    /// that spans a call is checked at run time.
    private var conversation: Conversation
    private var wait = Wait.turn
    /// Whether `drain` was called: the machine learns of it before its next action.
    private var drains = false
    private(set) var deadline = MonotonicTime.never
    /// The body of the request that waits for a slow step.
    private var postponedBody = 0..<0

    private struct Conversation: ~Copyable {
        var channel: SocketChannel
        var machine: ConnectionStateMachine
        /// The time of the current turn.
        var now = MonotonicTime.never
        /// The bytes to send.
        var output: [UInt8] = []
        /// The number of bytes of `output` that the kernel has taken.
        var written = 0
        /// The bytes of `input` and `output` beyond the connection's own buffers, as
        /// `ConnectionMemory` has counted them.
        var countedBytes = 0
        /// Whether `output` contains an answer. False: `100 Continue` at most.
        var isAnswer = false
        /// The time at which the request that is being answered was complete.
        var requestedAt = MonotonicTime.never
        /// The time by which the caller must have taken the whole answer; `.never` until a write
        /// has blocked.
        var answerEnd = MonotonicTime.never
        /// Reads that returned bytes since the last wait for the caller.
        var readsInARow = 0
        /// Requests that were answered since the last wait for the caller.
        var requestsInARow = 0
    }

    /// The event that the connection waits for.
    private enum Wait {
        case readable(until: MonotonicTime)
        case writable(until: MonotonicTime)
        /// The application's answer, which has its own deadline.
        case answer
        /// The next turn: other connections run before.
        case turn
        /// No event: the connection has ended.
        case end
    }

    /// The limit of consecutive reads. After them other connections run, so that a caller that
    /// floods the server does not monopolise the loop.
    private static let readsInARowMax = 2
    /// The limit of consecutive pipelined requests; the turn's budget may end the series earlier.
    /// One read may contain a thousand requests.
    private static let requestsInARowMax = 16

    /// Registers the socket. The connection starts in the loop's next turn.
    init(
        _ socket: consuming Socket, server: HTTPServer, _ admission: ConnectionCount.Admission
    ) throws(SystemError) {
        self.server = server
        loop = server.loop
        self.admission = admission
        conversation = Conversation(
            channel: SocketChannel(socket, on: server.loop),
            machine: ConnectionStateMachine(
                limits: server.limits, isTooMany: admission == .refused, now: server.loop.now))
        try conversation.channel.register(self)
        server.loop.requestTurn(self)
    }

    // MARK: - Events

    func ready(_ readiness: SocketReadiness) {
        switch wait {
        case .readable where readiness.contains(.readable): resume(nil, readiness)
        case .writable where readiness.contains(.writable): resume(nil, readiness)
        default: conversation.channel.update(readiness)
        }
    }

    func deadlineReached(now: MonotonicTime) {
        deadline = .never
        switch wait {
        case .readable: resume(conversation.machine.deadlinePassed(now: now))
        // The caller does not read.
        case .writable: resume(.close)
        case .answer, .turn, .end: break
        }
    }

    package func proceed() {
        if case .answer = wait { resume(nil, hasResponse: true) } else { resume(nil) }
    }

    /// Reports that `takeResponse` has the answer. It leaves in this turn of the loop or the next.
    package func answerIsReady() { loop.requestTurn(self) }

    /// Asks the exchange for its response again, when `steps` has time for it. The exchange then
    /// returns nil for now.
    package func postpone(body: Range<Int>, until steps: SlowSteps) {
        postponedBody = body
        steps.add(self)
    }

    func slowStepIsDue() {
        let (head, input) = (conversation.machine.head, conversation.machine.input)
        guard let response = theExchange.response(to: head, input, body: postponedBody) else {
            return
        }
        begin(response, &conversation)
        resume(nil)
    }

    /// The numeric address of the caller; empty if the connection has ended. Not for calls of the
    /// connection itself: only a later turn may ask.
    package var peerHost: String { conversation.channel.peerHost }

    private var theExchange: any HTTPExchange {
        if let exchange { return exchange }
        let exchange = server.application.exchange(on: self)
        self.exchange = exchange
        return exchange
    }

    /// Starts to drain: requests that have arrived are answered, then the connection closes.
    func drain() {
        drains = true
        guard case .readable = wait else { return }
        conversation.channel.forceRead()
        proceed()
    }

    /// Since when a served connection has waited for its caller to send or to read; nil while a
    /// request is being answered, and of a connection that is being refused.
    var waitsSince: MonotonicTime? {
        guard admission == .served else { return nil }
        switch wait {
        case .readable: return conversation.machine.readsSince
        case .writable:
            return conversation.answerEnd.before(
                milliseconds: server.limits.answerTimeoutMilliseconds)
        case .answer, .turn, .end: return nil
        }
    }

    /// Closes the connection, which waits for its caller.
    func end() {
        precondition(waitsSince != nil, "Connection.end() of one that does not wait for its caller")
        resume(.close)
    }

    /// Performs actions until the connection must wait, and sets the deadline of the wait.
    ///
    /// - Parameters:
    ///   - action: the first action; nil for the machine's next action.
    ///   - readiness: the new readiness of the socket; nil if it has not changed.
    ///   - hasResponse: whether the exchange has the response that the connection waits for.
    private func resume(
        _ action: ConnectionStateMachine.Action?, _ readiness: SocketReadiness? = nil,
        hasResponse: Bool = false
    ) {
        // A lost connection is not reported: it just ends.
        do { wait = try converse(&conversation, action, readiness, hasResponse) } catch {
            wait = .end
        }
        deadline = .never
        switch wait {
        case .readable(let until), .writable(let until):
            deadline = until
            loop.bringForward(until)
        case .turn: loop.requestTurn(self)
        case .answer: break
        case .end:
            conversation.channel.close()
            server.memory.give(conversation.countedBytes)
            server.ended(self)
        }
    }

    // MARK: - The conversation

    /// Performs the machine's actions until the connection must wait.
    private func converse(
        _ conversation: inout Conversation, _ first: ConnectionStateMachine.Action?,
        _ readiness: SocketReadiness?, _ hasResponse: Bool
    ) throws(SystemError) -> Wait {
        if case .close? = first { return .end }
        if hasResponse { begin(theExchange.takeResponse(), &conversation) }
        if let readiness { conversation.channel.update(readiness) }
        conversation.now = loop.now
        var action = first
        while true {
            if let wait = try send(&conversation) { return wait }
            switch action ?? next(&conversation) {
            case .read(let deadline):
                guard try read(&conversation) else { return .readable(until: deadline) }
                guard
                    conversation.machine.input.capacity <= server.limits.keptBytesMax
                        || recount(&conversation)
                else {
                    server.application.overloaded("buffers", max: server.memory.buffersMax)
                    action = conversation.machine.inputRefused()
                    continue
                }
                if conversation.readsInARow > Connection.readsInARowMax {
                    return turn(&conversation)
                }
            case .decideOnExpectation: decideOnExpectation(&conversation)
            case .respond(let body):
                conversation.requestedAt = conversation.now
                guard
                    let response = theExchange.response(
                        to: conversation.machine.head, conversation.machine.input, body: body)
                else { return .answer }
                begin(response, &conversation)
            case .refuse(let refusal):
                conversation.requestedAt = conversation.now
                begin(theExchange.response(to: refusal), isRefusal: true, &conversation)
            case .linger: conversation.channel.shutdownWriting()
            case .close: return .end
            }
            action = nil
            let inARow = conversation.requestsInARow
            if inARow >= Connection.requestsInARowMax || inARow > 0 && loop.endsTurn() {
                return turn(&conversation)
            }
        }
    }

    private func next(_ conversation: inout Conversation) -> ConnectionStateMachine.Action {
        beginDraining(&conversation)
        return conversation.machine.next(now: conversation.now)
    }

    /// Passes a drain on to the machine.
    private func beginDraining(_ conversation: inout Conversation) {
        guard drains, !conversation.machine.isDraining else { return }
        conversation.machine.drain(now: loop.now)
    }

    private func turn(_ conversation: inout Conversation) -> Wait {
        (conversation.readsInARow, conversation.requestsInARow) = (0, 0)
        return .turn
    }

    // MARK: - Reading

    /// Reads once. False if the read would block, so that the connection must wait.
    private func read(_ conversation: inout Conversation) throws(SystemError) -> Bool {
        let bytesMax = conversation.machine.readBytesMax
        let result = try conversation.channel.read(
            into: &conversation.machine.input, atMost: bytesMax)
        switch result {
        case .bytes(let count):
            conversation.machine.received(count, now: conversation.now)
            conversation.readsInARow += 1
        case .endOfStream: conversation.machine.inputEnded()
        case .nothingYet:
            (conversation.readsInARow, conversation.requestsInARow) = (0, 0)
            conversation.machine.idles()
            if conversation.countedBytes > 0 { recount(&conversation) }
            return false
        }
        return true
    }

    /// Counts the present bytes beyond the connection's own buffers. False if they would exceed the
    /// limit of all connections.
    @discardableResult private func recount(_ conversation: inout Conversation) -> Bool {
        let kept = server.limits.keptBytesMax
        let bytes =
            max(0, conversation.machine.input.capacity - kept)
            + max(0, conversation.output.capacity - kept)
        if bytes > conversation.countedBytes {
            guard server.memory.take(bytes - conversation.countedBytes) else { return false }
        } else {
            server.memory.give(conversation.countedBytes - bytes)
        }
        conversation.countedBytes = bytes
        return true
    }

    /// Answers `Expect: 100-continue`, on which the caller waits before it sends the body (RFC 9110
    /// §10.1.1).
    private func decideOnExpectation(_ conversation: inout Conversation) {
        let (head, input) = (conversation.machine.head, conversation.machine.input)
        if let refusal = theExchange.refusal(of: head, input.span) {
            conversation.machine.expectationRejected()
            conversation.requestedAt = conversation.now
            begin(refusal, &conversation)
        } else {
            conversation.output += ResponseEncoder.continue
        }
    }

    // MARK: - Writing

    /// Encodes the answer to the machine's request.
    ///
    /// - Parameter isRefusal: whether the answer is the refusal of bytes that are no request.
    private func begin(
        _ response: Response, isRefusal: Bool = false,
        _ conversation: inout Conversation
    ) {
        let input = conversation.machine.input
        beginDraining(&conversation)
        conversation.machine.answerBegun()
        conversation.isAnswer = true
        let persistence: ResponseEncoder.Persistence =
            if conversation.machine.closesAfterResponse {
                .close
            } else if conversation.machine.head.isHTTP11 {
                .implied
            } else {
                .keepAlive
            }
        let id = server.id(given: isRefusal ? nil : conversation.machine.head.requestID)
        server.encode(
            response, id, input.span, to: &conversation.output,
            omitsBody: conversation.machine.answersHead, persistence)
        theExchange.answered(response, input.span, id, since: conversation.requestedAt)
    }

    /// Sends the output. Returns the wait if the kernel does not take all of it; otherwise nil.
    ///
    /// Two limits apply: one between two writes, one for the whole answer.
    private func send(_ conversation: inout Conversation) throws(SystemError) -> Wait? {
        while conversation.written < conversation.output.count {
            let count = try conversation.channel.write(
                conversation.output, from: conversation.written)
            conversation.written += count
            if count > 0 { continue }
            let (now, limits) = (conversation.now, server.limits)
            if conversation.answerEnd == .never {
                conversation.answerEnd = now.advanced(
                    byMilliseconds: limits.answerTimeoutMilliseconds)
            }
            // Over the memory limit, the connection just ends: a refusal needs memory too.
            guard now < conversation.answerEnd, recount(&conversation) else { return .end }
            let deadline = now.advanced(byMilliseconds: limits.writeTimeoutMilliseconds)
            return .writable(until: min(deadline, conversation.answerEnd))
        }
        if conversation.written > 0 { sent(&conversation) }
        return nil
    }

    private func sent(_ conversation: inout Conversation) {
        conversation.written = 0
        conversation.answerEnd = .never
        conversation.output.removeAll(
            keepingCapacity: conversation.output.capacity <= server.limits.keptBytesMax)
        guard conversation.isAnswer else { return }
        conversation.isAnswer = false
        conversation.requestsInARow += 1
        conversation.machine.responded(now: conversation.now)
        if conversation.countedBytes > 0 { recount(&conversation) }
    }
}
