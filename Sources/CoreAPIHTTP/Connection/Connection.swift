internal import CoreAPIBase

/// A connection with a caller: does what `ConnectionStateMachine` says, from accept to close, on
/// its loop's thread.
///
/// It is no task: it goes on until there is something to wait for, and is called when that has come
/// (docs/decisions/0017-connections-are-no-tasks.md).
package final class Connection: EventHandler, @unchecked Sendable {
    let admission: ConnectionCount.Admission

    private let server: HTTPServer
    private let loop: EventLoop
    /// The application's side; made for the first request.
    private var exchange: (any HTTPExchange)?
    /// It is handed on from function to function: each access to a class's property that lasts over
    /// a call is checked while it runs.
    private var conversation: Conversation
    private var wait = Wait.turn
    private var drains = false
    private(set) var deadline = MonotonicTime.never

    private struct Conversation: ~Copyable {
        var channel: SocketChannel
        var machine: ConnectionStateMachine
        /// The time of the turn in which it goes on.
        var now = MonotonicTime.never
        /// What is being sent, and how much of it the kernel has taken.
        var output: [UInt8] = []
        var written = 0
        /// What the two buffers hold beyond what a connection has of its own.
        var countedBytes = 0
        /// Whether that is the answer to a request, and no `100 Continue`.
        var isAnswer = false
        /// When the request that is answered was complete.
        var requestedAt = MonotonicTime.never
        /// Until when the caller must have taken the answer; never as long as it takes all at once.
        var answerEnd = MonotonicTime.never
        /// How many reads have brought bytes, and how many requests were answered, without a wait
        /// for the caller between them.
        var readsInARow = 0
        var requestsInARow = 0
        var isDraining = false
    }

    /// What the connection waits for.
    private enum Wait {
        case readable(until: MonotonicTime)
        case writable(until: MonotonicTime)
        /// The answer to a request, which has a deadline of its own.
        case answer
        /// The next turn, since others are to have theirs.
        case turn
        /// Nothing: it ends.
        case end
    }

    /// After so many of them others have their turn: a caller that floods does not keep the loop.
    private static let readsInARowMax = 2
    /// Pipelined requests that are in the buffer already, of which a read may bring a thousand;
    /// fewer if they take long.
    private static let requestsInARowMax = 16

    /// Begins in the loop's next turn.
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

    // MARK: - What has come

    func ready(_ readiness: SocketReadiness) {
        switch wait {
        case .readable where readiness.contains(.readable): goOn(nil, readiness)
        case .writable where readiness.contains(.writable): goOn(nil, readiness)
        default: conversation.channel.update(readiness)
        }
    }

    func deadlineReached(now: MonotonicTime) {
        deadline = .never
        switch wait {
        case .readable: goOn(conversation.machine.deadlinePassed(now: now))
        // The caller does not read.
        case .writable: goOn(.close)
        case .answer, .turn, .end: break
        }
    }

    package func proceed() {
        if case .answer = wait { begin(theExchange.takeResponse(), &conversation) }
        goOn(nil)
    }

    /// The answer to the request can be taken: it leaves in this turn of the loop, or the next.
    package func answerIsReady() { loop.requestTurn(self) }

    private var theExchange: any HTTPExchange {
        if let exchange { return exchange }
        let exchange = server.application.exchange(on: self)
        self.exchange = exchange
        return exchange
    }

    /// The server ends: nothing new is begun, what has begun is finished.
    func drain() {
        drains = true
        guard case .readable = wait else { return }
        conversation.channel.readAgain()
        proceed()
    }

    /// - Parameters:
    ///   - action: what is to be done; nil for what the machine says.
    ///   - readiness: what the socket has become ready for; nil if nothing has changed.
    private func goOn(
        _ action: ConnectionStateMachine.Action?, _ readiness: SocketReadiness? = nil
    ) {
        // A caller who is gone is nothing to report: the connection just ends.
        do { wait = try converse(&conversation, action, readiness) } catch { wait = .end }
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

    /// Does what the machine says until there is something to wait for.
    private func converse(
        _ conversation: inout Conversation, _ first: ConnectionStateMachine.Action?,
        _ readiness: SocketReadiness?
    ) throws(SystemError) -> Wait {
        if case .close? = first { return .end }
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

    /// Tells the machine of a `drain` that has come during a wait.
    private func beginDraining(_ conversation: inout Conversation) {
        guard drains, !conversation.isDraining else { return }
        conversation.isDraining = true
        conversation.machine.drain(now: loop.now)
    }

    private func turn(_ conversation: inout Conversation) -> Wait {
        (conversation.readsInARow, conversation.requestsInARow) = (0, 0)
        return .turn
    }

    // MARK: - Reading

    /// Reads what there is. False if there is nothing yet, and the connection is to wait.
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

    /// Counts what the buffers hold now beyond the connection's own. False if there is no room for
    /// it.
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

    /// The caller wants to know whether to send the body (RFC 9110 §10.1.1).
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

    /// Makes the answer to the machine's request.
    ///
    /// - Parameter isRefusal: whether the answer refuses what is no request that could be read.
    private func begin(
        _ response: consuming Response, isRefusal: Bool = false,
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

    /// Sends what there is to send. Returns what is to be waited for; nil if all of it was taken.
    ///
    /// Each part is to be taken within its time, and the whole.
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
            // The answer that says so would find no room either.
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
