internal import CoreAPIKit

/// A connection with a caller: does what `ConnectionStateMachine` says, from accept to close, as
/// one task on its loop.
final class Connection: @unchecked Sendable {
    private let channel: SocketChannel
    private let worker: Worker
    private let isTooMany: Bool
    private var drains = false

    /// What the task alone touches. It lives in the task, where no access to it is checked while
    /// it runs, as accesses to a class would be.
    private struct Conversation: ~Copyable {
        var machine: ConnectionStateMachine
        /// The answer that is being sent, and how much of it the kernel has taken.
        var output: [UInt8] = []
        var written = 0
        /// How many reads have brought bytes, and how many requests were answered, without a wait
        /// for the caller between them.
        var readsInARow = 0
        var requestsInARow = 0
        var isDraining = false
    }

    /// After so many of them others have their turn: a caller that floods does not keep the loop.
    private static let readsInARowMax = 2
    /// Pipelined requests that are in the buffer already, of which a read may bring a thousand.
    private static let requestsInARowMax = 16

    /// - Parameter isTooMany: whether it is only told that it is one too many.
    init(_ channel: SocketChannel, worker: Worker, isTooMany: Bool) {
        self.channel = channel
        self.worker = worker
        self.isTooMany = isTooMany
    }

    /// Serves requests until either side ends the connection.
    func serve() async {
        // A caller who is gone, or does not read, is nothing to report: the connection just ends.
        try? await serveRequests()
        channel.close()
    }

    /// The server ends: nothing new is begun, what has begun is finished.
    func drain() {
        drains = true
        channel.interrupt()
    }

    private func serveRequests() async throws(ConnectionEnd) {
        var conversation = makeConversation()
        var action = next(&conversation)
        while true {
            switch action {
            case .read(let deadline):
                if try read(&conversation) {
                    if conversation.readsInARow > Connection.readsInARowMax {
                        await letOthersRun(&conversation)
                    }
                } else {
                    let wakeup = await channel.waitUntilReadable(before: deadline)
                    if wakeup == .timedOut {
                        action = deadlinePassed(&conversation)
                        continue
                    }
                }
            case .decideOnExpectation:
                try await decideOnExpectation(&conversation)
            case .respond(let body):
                let began = worker.loop.now
                let response = await worker.response(to: job(body, conversation))
                begin(response, &conversation, since: began)
                if try !write(&conversation) { try await writeRest(&conversation) }
                responded(&conversation)
                conversation.requestsInARow += 1
                if conversation.requestsInARow >= Connection.requestsInARowMax {
                    await letOthersRun(&conversation)
                }
            case .refuse(let refusal):
                beginRefusal(refusal, &conversation)
                if try !write(&conversation) { try await writeRest(&conversation) }
                responded(&conversation)
            case .linger:
                channel.shutdownWriting()
            case .close:
                return
            }
            action = next(&conversation)
        }
    }

    // What follows is not inlined into the task's function: its variables would be kept by each
    // connection for as long as it waits.

    @inline(never) private func makeConversation() -> Conversation {
        Conversation(
            machine: ConnectionStateMachine(
                limits: worker.limits, isTooMany: isTooMany, now: worker.loop.now))
    }

    @inline(never) private func next(_ conversation: inout Conversation)
        -> ConnectionStateMachine.Action
    {
        beginDraining(&conversation)
        return conversation.machine.next(now: worker.loop.now)
    }

    @inline(never) private func deadlinePassed(
        _ conversation: inout Conversation
    ) -> ConnectionStateMachine.Action {
        conversation.machine.deadlinePassed(now: worker.loop.now)
    }

    @inline(never) private func responded(_ conversation: inout Conversation) {
        conversation.machine.responded(now: worker.loop.now)
    }

    /// Tells the machine of a `drain` that has come during a wait.
    private func beginDraining(_ conversation: inout Conversation) {
        guard drains, !conversation.isDraining else { return }
        conversation.isDraining = true
        conversation.machine.drain(now: worker.loop.now)
    }

    private func letOthersRun(_ conversation: inout Conversation) async {
        (conversation.readsInARow, conversation.requestsInARow) = (0, 0)
        await Task.yield()
    }

    // MARK: - Reading

    /// Reads what there is. False if there is nothing yet, and the connection is to wait.
    @inline(never) private func read(_ conversation: inout Conversation) throws(ConnectionEnd)
        -> Bool
    {
        let result: SocketChannel.ReadResult
        do { result = try channel.read(into: &conversation.machine.input) } catch { throw .broken }
        switch result {
        case .bytes(let count):
            conversation.machine.received(count, now: worker.loop.now)
            conversation.readsInARow += 1
        case .endOfStream: conversation.machine.inputEnded()
        case .nothingYet:
            (conversation.readsInARow, conversation.requestsInARow) = (0, 0)
            conversation.machine.idles()
            return false
        }
        return true
    }

    /// The caller wants to know whether to send the body (RFC 9110 §10.1.1).
    @inline(never) private func decideOnExpectation(
        _ conversation: inout Conversation
    ) async throws(ConnectionEnd) {
        if let refusal = refusal(conversation) {
            conversation.machine.expectationRejected()
            begin(refusal, &conversation, since: worker.loop.now)
            if try !write(&conversation) { try await writeRest(&conversation) }
            responded(&conversation)
        } else {
            conversation.output += ResponseEncoder.continue
            if try !write(&conversation) { try await writeRest(&conversation) }
        }
    }

    @inline(never) private func refusal(_ conversation: borrowing Conversation) -> Response? {
        worker.refusal(conversation.machine.head, conversation.machine.input.span)
    }

    /// What is to be done for a request that is complete.
    @inline(never) private func job(
        _ body: ConnectionStateMachine.Body, _ conversation: borrowing Conversation
    ) -> Worker.Job {
        worker.job(for: conversation.machine.head, conversation.machine.input, body)
    }

    // MARK: - Writing

    /// Makes the answer to the machine's request.
    ///
    /// - Parameter began: when the request was complete.
    @inline(never) private func begin(
        _ response: Response, _ conversation: inout Conversation, since began: MonotonicTime
    ) {
        begin(response, to: conversation.machine.head, &conversation, since: began)
    }

    /// Makes the answer to what is no request that could be read.
    @inline(never) private func beginRefusal(
        _ refusal: HTTPRefusal, _ conversation: inout Conversation
    ) {
        begin(
            Problem(refusal, worker.limits).response, to: nil, &conversation,
            since: worker.loop.now)
    }

    private func begin(
        _ response: Response, to head: RequestHead?, _ conversation: inout Conversation,
        since began: MonotonicTime
    ) {
        let input = conversation.machine.input
        beginDraining(&conversation)
        conversation.machine.answerBegun()
        let persistence: ResponseEncoder.Persistence =
            if conversation.machine.closesAfterResponse { .close } else if head?.isHTTP11 == false {
                .keepAlive
            } else { .implied }
        let id = worker.name(head)
        worker.encode(
            response, id, input.span, to: &conversation.output,
            omitsBody: conversation.machine.answersHead, persistence)
        worker.answered(response, to: head, input.span, id, since: began)
    }

    /// Sends what the kernel takes at once. False if it is not all of the output.
    @inline(never) private func write(_ conversation: inout Conversation) throws(ConnectionEnd)
        -> Bool
    {
        do {
            conversation.written += try channel.write(
                conversation.output, from: conversation.written)
        } catch {
            throw .broken
        }
        guard conversation.written == conversation.output.count else { return false }
        conversation.written = 0
        conversation.output.removeAll(
            keepingCapacity: conversation.output.capacity <= worker.limits.keptBytesMax)
        return true
    }

    /// Writes until the caller has taken all of it: each part within its time, and the whole.
    @inline(never) private func writeRest(_ conversation: inout Conversation)
        async throws(ConnectionEnd)
    {
        let end = worker.loop.now.advanced(byMilliseconds: worker.limits.answerTimeoutMilliseconds)
        var before = conversation.written
        while try !write(&conversation) {
            let hasProgressed = conversation.written > before
            before = conversation.written
            if hasProgressed { continue }
            let deadline = worker.loop.now.advanced(
                byMilliseconds: worker.limits.writeTimeoutMilliseconds)
            guard worker.loop.now < end,
                await channel.waitUntilWritable(before: min(deadline, end)) == .ready
            else {
                throw .stalled
            }
        }
    }
}

/// Why a connection ends without a last answer.
private enum ConnectionEnd: Error {
    /// The kernel reports an error: the caller is gone.
    case broken
    /// The caller does not read.
    case stalled
}
