internal import CoreAPIBase

/// The state machine of a connection with a caller, without a socket, a clock or a wait. `next`
/// returns the next action; the other functions report events.
///
/// One request is answered at a time, so pipelined answers leave in order (RFC 9112 §9.3.2).
struct ConnectionStateMachine {
    private enum State {
        /// The connection exceeds the connection limit: its bytes are not parsed. Can transition
        /// to: refusing.
        case tooMany
        /// Reads a head. Can transition to: readingBody, responding, refusing, closed.
        case readingHead
        /// Reads a body of known length. Can transition to: responding, refusing, closed.
        case readingBody(length: Int)
        /// Reads a body in chunks. Can transition to: responding, refusing, closed.
        indirect case readingChunks(ChunkedBodyDecoder)
        /// A request is being answered. Can transition to: readingHead, lingering, closed.
        case responding(end: Int)
        /// A refusal is being sent. Can transition to: lingering.
        case refusing
        /// The last answer was sent: bytes are read and dropped. Can transition to: closed.
        case lingering(bytesLeft: Int)
        case closed
    }

    /// The action that the connection's owner performs.
    enum Action {
        /// Wait for bytes, and call `received`, `inputEnded` or `deadlinePassed`.
        case read(until: MonotonicTime)
        /// The caller waits for `100 Continue` before it sends the body. Either send it, or call
        /// `expectationRejected`, answer the request and call `responded`.
        case decideOnExpectation
        /// Answer the request, whose head is `head`, and call `responded`.
        ///
        /// The range locates the body in `input`.
        case respond(body: Range<Int>)
        /// Answer with the refusal and call `responded`.
        case refuse(HTTPRefusal)
        /// Shut down writing, then call `next`.
        case linger
        case close
    }

    /// Bytes that have arrived and are not consumed. They start with a request. The framing of a
    /// chunked body is removed.
    var input: [UInt8] = []

    private let limits: HTTPLimits
    private let isTooMany: Bool
    private var state: State
    private var parser: RequestParser
    private var deadline: MonotonicTime
    private var decidedOnExpectation = false
    private var hasEnded = false
    private(set) var isDraining = false
    /// Whether no byte has arrived yet. The first request is then presumed to be on its way.
    private var isNew = true
    /// Whether the answer has begun to leave: its `Connection` field can no longer change.
    private var hasBegunAnswer = false
    private var shutsDown = false
    /// The latest end of lingering, even if bytes still arrive.
    private var lingerEnd = MonotonicTime.never

    /// - Parameter isTooMany: whether the connection exceeds the connection limit.
    init(limits: HTTPLimits, isTooMany: Bool = false, now: MonotonicTime) {
        self.limits = limits
        self.isTooMany = isTooMany
        state = isTooMany ? .tooMany : .readingHead
        parser = RequestParser(limits: limits)
        deadline = now.advanced(byMilliseconds: limits.idleTimeoutMilliseconds)
    }

    /// Whether the current answer is the last of the connection.
    private(set) var closesAfterResponse = false

    /// The head of the current request.
    var head: RequestHead { parser.head }

    /// Whether the current request is HEAD, so that its answer or refusal has no body (RFC 9110
    /// §9.3.2).
    var answersHead: Bool { parser.isHead }

    // MARK: - Actions

    mutating func next(now: MonotonicTime) -> Action {
        switch state {
        case .tooMany: return refuse(.tooManyConnections)
        case .readingHead: return nextForHead(now)
        case .readingBody(let length):
            let end = parser.head.byteCount + length
            if input.count < end { return nextForBody() }
            return respond(parser.head.byteCount..<end)
        case .readingChunks(var decoder):
            do {
                if try decoder.decode(&input) { return respond(decoder.body) }
            } catch {
                return refuse(error)
            }
            state = .readingChunks(decoder)
            return nextForBody()
        case .responding, .refusing:
            preconditionFailure("next() called while responding")
        case .lingering(let bytesLeft):
            if shutsDown {
                shutsDown = false
                return .linger
            }
            guard bytesLeft > 0, !hasEnded else { return close() }
            return .read(until: deadline)
        case .closed: return .close
        }
    }

    private mutating func nextForHead(_ now: MonotonicTime) -> Action {
        if !input.isEmpty {
            let bytes = input
            do {
                if try parser.parse(bytes.span) { return begin(now) }
            } catch {
                return refuse(error)
            }
        }
        if hasEnded { return input.isEmpty ? close() : refuse(.malformed(.endedEarly)) }
        return .read(until: deadline)
    }

    private mutating func begin(_ now: MonotonicTime) -> Action {
        closesAfterResponse = isDraining || !parser.head.keepsAlive
        // RFC 9110 §10.1.1: the 100 may be omitted if part of the body has arrived.
        decidedOnExpectation =
            !parser.head.expectsContinue || input.count > parser.head.byteCount
        deadline = now.advanced(byMilliseconds: limits.bodyTimeoutMilliseconds)
        switch parser.head.framing {
        case .length(let length): state = .readingBody(length: length)
        case .chunked:
            state = .readingChunks(
                ChunkedBodyDecoder(from: parser.head.byteCount, limits: limits))
        }
        return next(now: now)
    }

    /// The next action while the body is incomplete.
    private mutating func nextForBody() -> Action {
        if hasEnded { return refuse(.malformed(.endedEarly)) }
        if !decidedOnExpectation {
            decidedOnExpectation = true
            return .decideOnExpectation
        }
        return .read(until: deadline)
    }

    private mutating func respond(_ body: Range<Int>) -> Action {
        state = .responding(end: body.upperBound)
        return .respond(body: body)
    }

    private mutating func refuse(_ refusal: HTTPRefusal) -> Action {
        state = .refusing
        closesAfterResponse = true
        input = []
        return .refuse(refusal)
    }

    private mutating func close() -> Action {
        state = .closed
        return .close
    }

    /// The number of bytes to read at once. It fits the connection's own buffer, so that pipelined
    /// requests do not count as one large request. A larger request gets as much as it may still
    /// have.
    var readBytesMax: Int {
        let own = limits.ownBytesMax - input.count
        let bytes =
            switch state {
            case .readingHead:
                own >= limits.ownReadBytesMin ? own : limits.headBytesMax - input.count
            case .readingBody(let length):
                max(own, parser.head.byteCount + length - input.count)
            case .readingChunks: limits.chunkedReadBytesMax
            case .tooMany, .responding, .refusing, .lingering, .closed: EventLoop.readBytesMax
            }
        return min(max(1, bytes), EventLoop.readBytesMax)
    }

    // MARK: - Events

    /// Reports that `count` bytes were appended to `input`.
    mutating func received(_ count: Int, now: MonotonicTime) {
        isNew = false
        switch state {
        case .readingHead where input.count == count:
            deadline = now.advanced(byMilliseconds: limits.headTimeoutMilliseconds)
        case .lingering(let bytesLeft):
            input.removeAll()
            state = .lingering(bytesLeft: bytesLeft - count)
            deadline = min(
                lingerEnd, now.advanced(byMilliseconds: limits.lingerTimeoutMilliseconds))
        default: break
        }
    }

    /// Reports that the caller has ended its output. The caller may still read.
    mutating func inputEnded() { hasEnded = true }

    /// Reports that the shared buffers have no room for the bytes read.
    mutating func inputRefused() -> Action { refuse(.tooMuchInput) }

    /// Reports that the deadline of `Action.read` has passed.
    mutating func deadlinePassed(now: MonotonicTime) -> Action {
        switch state {
        case .readingHead where input.isEmpty && isDraining:
            linger(from: now)
            return next(now: now)
        case .readingHead where input.isEmpty: return close()
        case .readingHead, .readingBody, .readingChunks: return refuse(.timedOut)
        case .lingering, .closed: return close()
        case .tooMany, .responding, .refusing:
            preconditionFailure("deadlinePassed() called outside a reading state")
        }
    }

    /// Reports that the request is answered without its body. The body may arrive all the same, so
    /// the answer is the connection's last (RFC 9110 §10.1.1).
    mutating func expectationRejected() {
        state = .refusing
        closesAfterResponse = true
    }

    /// Reports that the answer is about to leave. Its `Connection` field follows
    /// `closesAfterResponse` as of now.
    mutating func answerBegun() { hasBegunAnswer = true }

    /// Reports that the answer was sent.
    mutating func responded(now: MonotonicTime) {
        hasBegunAnswer = false
        if closesAfterResponse { return linger(from: now) }
        guard case .responding(let end) = state else {
            preconditionFailure("responded() called without a request")
        }
        input.removeFirst(end)
        parser.reset()
        state = .readingHead
        let timeout =
            input.isEmpty ? limits.idleTimeoutMilliseconds : limits.headTimeoutMilliseconds
        deadline = now.advanced(byMilliseconds: timeout)
        if isDraining { endIdling(at: now) }
    }

    /// Starts lingering: bytes are still read, because a peer that is still sending its request (a
    /// proxy, for example) may read the answer only afterwards.
    private mutating func linger(from now: MonotonicTime) {
        input = []
        deadline = now.advanced(byMilliseconds: limits.lingerTimeoutMilliseconds)
        shutsDown = true
        lingerEnd =
            isDraining || isTooMany
            ? deadline : now.advanced(byMilliseconds: limits.lingerTotalMilliseconds)
        state = .lingering(bytesLeft: limits.lingerBytesMax)
    }

    /// Since when `Action.read` waits for bytes: since the connection or the last answer, the first
    /// byte of a head, the end of a head, or the last byte while lingering. At most the timeout
    /// earlier, if a drain has brought the deadline forward.
    var readsSince: MonotonicTime {
        let timeout =
            switch state {
            case .readingHead where input.isEmpty: limits.idleTimeoutMilliseconds
            case .readingHead: limits.headTimeoutMilliseconds
            case .readingBody, .readingChunks: limits.bodyTimeoutMilliseconds
            case .lingering: limits.lingerTimeoutMilliseconds
            case .tooMany, .responding, .refusing, .closed: 0
            }
        return deadline.before(milliseconds: timeout)
    }

    /// Shrinks the buffer of an idle connection.
    mutating func idles() {
        guard input.capacity > limits.keptBytesMax else { return }
        let capacity = SocketChannel.capacity(for: input.count)
        guard input.capacity >= capacity + limits.keptBytesMax else { return }
        var fitting: [UInt8] = []
        if !input.isEmpty {
            fitting.reserveCapacity(capacity)
            fitting += input
        }
        input = fitting
    }

    /// Starts to drain. Requests that have arrived are answered; the answer in progress is the last
    /// unless it has begun to leave. An answer that has begun without `Connection: close` is
    /// followed by one more answer, if the caller has already sent the next request.
    ///
    /// A connection without any bytes gets the timeout of a head. An idle connection is read for a
    /// grace period, so that a busy caller learns of the drain from the answer to its next request.
    /// Then the connection lingers: an immediate close would reset the connection if a request
    /// arrives just then, and could discard an answer that the caller has not read.
    mutating func drain(now: MonotonicTime) {
        isDraining = true
        if !hasBegunAnswer { closesAfterResponse = true }
        endIdling(at: now)
    }

    private mutating func endIdling(at now: MonotonicTime) {
        if case .lingering = state {
            let soon = now.advanced(byMilliseconds: limits.lingerTimeoutMilliseconds)
            deadline = min(deadline, soon)
            lingerEnd = min(lingerEnd, soon)
        }
        guard case .readingHead = state, input.isEmpty else { return }
        let grace =
            isNew ? limits.headTimeoutMilliseconds : limits.lastRequestTimeoutMilliseconds
        deadline = min(deadline, now.advanced(byMilliseconds: grace))
    }
}
