internal import CoreAPIKit

/// A connection with a caller: does what `ConnectionStateMachine` says, from accept to close, as
/// one task on its loop.
final class Connection: @unchecked Sendable {
    private let channel: SocketChannel
    private let worker: Worker
    private var machine: ConnectionStateMachine
    private var output: [UInt8] = []
    /// How many reads have brought bytes, and how many requests were answered, without a wait for
    /// the caller between them.
    private var readsInARow = 0
    private var requestsInARow = 0

    /// After so many of them others have their turn: a caller that floods does not keep the loop.
    private static let readsInARowMax = 2
    /// Pipelined requests that are in the buffer already, of which a read may bring a thousand.
    private static let requestsInARowMax = 16

    /// - Parameter isTooMany: whether it is only told that it is one too many.
    init(_ channel: SocketChannel, worker: Worker, isTooMany: Bool) {
        self.channel = channel
        self.worker = worker
        machine = ConnectionStateMachine(
            limits: worker.limits, isTooMany: isTooMany, now: worker.loop.now)
    }

    /// Serves requests until either side ends the connection.
    func serve() async {
        // A caller who is gone, or does not read, is nothing to report: the connection just ends.
        try? await serveRequests()
        channel.close()
    }

    /// The server ends: nothing new is begun, what has begun is finished.
    func drain() {
        machine.drain(now: worker.loop.now)
        channel.interrupt()
    }

    private func serveRequests() async throws(ConnectionEnd) {
        var action = machine.next(now: worker.loop.now)
        while true {
            switch action {
            case .read(let deadline):
                if let urgent = try await read(before: deadline) {
                    action = urgent
                    continue
                }
            case .decideOnExpectation(let head):
                try await decideOnExpectation(head)
            case .respond(let head, let body):
                let began = worker.loop.now
                let response = await worker.response(to: head, machine.input, body)
                try await send(response, to: head, since: began)
                requestsInARow += 1
                if requestsInARow >= Connection.requestsInARowMax { await letOthersRun() }
            case .refuse(let refusal):
                let response = Problem(refusal, worker.limits).response
                try await send(response, to: nil, since: worker.loop.now)
            case .linger:
                channel.shutdownWriting()
            case .close:
                return
            }
            action = machine.next(now: worker.loop.now)
        }
    }

    // MARK: - Reading

    /// Reads what there is, or waits for it. Returns what a missed deadline asks for.
    private func read(
        before deadline: MonotonicTime
    ) async throws(ConnectionEnd) -> ConnectionStateMachine.Action? {
        switch try readNow() {
        case .bytes(let count):
            machine.received(count, now: worker.loop.now)
            readsInARow += 1
            if readsInARow > Connection.readsInARowMax { await letOthersRun() }
        case .endOfStream: machine.inputEnded()
        case .nothingYet:
            (readsInARow, requestsInARow) = (0, 0)
            machine.idles()
            let wakeup = await channel.waitUntilReadable(before: deadline)
            if wakeup == .timedOut { return machine.deadlinePassed(now: worker.loop.now) }
        }
        return nil
    }

    private func letOthersRun() async {
        (readsInARow, requestsInARow) = (0, 0)
        await Task.yield()
    }

    private func readNow() throws(ConnectionEnd) -> SocketChannel.ReadResult {
        do { return try channel.read(into: &machine.input) } catch { throw .broken }
    }

    /// The caller wants to know whether to send the body (RFC 9110 §10.1.1).
    private func decideOnExpectation(_ head: RequestHead) async throws(ConnectionEnd) {
        if let refusal = worker.refusal(head, machine.input.span) {
            machine.expectationRejected()
            try await send(refusal, to: head, since: worker.loop.now)
        } else {
            output += ResponseEncoder.continue
            try await writeOutput()
        }
    }

    // MARK: - Writing

    /// - Parameters:
    ///   - head: the request that is answered; nil where there was none.
    ///   - began: when the request was complete.
    private func send(
        _ response: Response, to head: RequestHead?, since began: MonotonicTime
    ) async throws(ConnectionEnd) {
        machine.answerBegun()
        let persistence: ResponseEncoder.Persistence =
            if machine.closesAfterResponse { .close } else if head?.isHTTP11 == false {
                .keepAlive
            } else { .implied }
        let id = worker.name(head)
        worker.encode(
            response, id, machine.input.span, to: &output, omitsBody: machine.answersHead,
            persistence)
        worker.answered(response, to: head, machine.input.span, id, since: began)
        try await writeOutput()
        machine.responded(now: worker.loop.now)
    }

    /// Writes until the caller has taken all of it: each part within its time, and the whole.
    private func writeOutput() async throws(ConnectionEnd) {
        let end = worker.loop.now.advanced(byMilliseconds: worker.limits.answerTimeoutMilliseconds)
        var position = 0
        while position < output.count {
            let count: Int
            do { count = try channel.write(output, from: position) } catch { throw .broken }
            position += count
            guard position < output.count else { break }
            if count == 0 {
                let deadline = worker.loop.now.advanced(
                    byMilliseconds: worker.limits.writeTimeoutMilliseconds)
                guard worker.loop.now < end,
                    await channel.waitUntilWritable(before: min(deadline, end)) == .ready
                else {
                    throw .stalled
                }
            }
        }
        output.removeAll(keepingCapacity: output.capacity <= worker.limits.keptBytesMax)
    }
}

/// Why a connection ends without a last answer.
private enum ConnectionEnd: Error {
    /// The kernel reports an error: the caller is gone.
    case broken
    /// The caller does not read.
    case stalled
}
