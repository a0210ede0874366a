internal import CoreAPIBase

/// What a connection with a caller does, without a socket, a clock or a wait: `next` says what is
/// to be done, the other functions tell what has happened.
///
/// One request is answered at a time, so pipelined answers leave in order (RFC 9112 §9.3.2).
struct ConnectionStateMachine {
    private enum State {
        /// One too many: nothing is read of it. Can transition to: refusing.
        case tooMany
        /// Reads a head. Can transition to: readingBody, responding, refusing, closed.
        case readingHead
        /// Reads a body of known length. Can transition to: responding, refusing, closed.
        case readingBody(length: Int)
        /// Reads a body in chunks. Can transition to: responding, refusing, closed.
        indirect case readingChunks(ChunkedBodyDecoder)
        /// A request is being answered. Can transition to: readingHead, lingering, closed.
        case responding(end: Int)
        /// A refusal is being answered. Can transition to: lingering.
        case refusing
        /// Answered for the last time: reads and drops. Can transition to: closed.
        case lingering(bytesLeft: Int)
        case closed
    }

    /// What is to be done.
    enum Action {
        /// Wait for bytes, and call `received`, `inputEnded` or `deadlinePassed`.
        case read(until: MonotonicTime)
        /// The caller holds its body back: send `100 Continue`, or call `expectationRejected`,
        /// answer the request and call `responded`.
        case decideOnExpectation
        /// Answer the request, whose head is `head`, and call `responded`.
        ///
        /// The body is in `input`.
        case respond(body: Range<Int>)
        /// Answer with the refusal, and call `responded`.
        case refuse(HTTPRefusal)
        /// Shut down writing; then go on with `next`.
        case linger
        case close
    }

    /// What has arrived and is not used up; it begins with a request. Of a chunked body it has the
    /// content alone.
    var input: [UInt8] = []

    private let limits: HTTPLimits
    private let isTooMany: Bool
    private var state: State
    private var parser: RequestParser
    private var deadline: MonotonicTime
    private var decidedOnExpectation = false
    private var hasEnded = false
    private var drains = false
    /// Whether nothing has come yet: the first request is on its way, since why else connect.
    private var isNew = true
    /// Whether the answer is on its way, so that what it says of the connection holds.
    private var hasBegunAnswer = false
    private var shutsDown = false
    /// When lingering ends, whatever still comes.
    private var lingerEnd = MonotonicTime.never

    /// - Parameter isTooMany: whether it is one connection more than may be served.
    init(limits: HTTPLimits, isTooMany: Bool = false, now: MonotonicTime) {
        self.limits = limits
        self.isTooMany = isTooMany
        state = isTooMany ? .tooMany : .readingHead
        parser = RequestParser(limits: limits)
        deadline = now.advanced(byMilliseconds: limits.idleTimeoutMilliseconds)
    }

    /// Whether the answer that is being made is the connection's last.
    private(set) var closesAfterResponse = false

    /// The request that is read or answered.
    var head: RequestHead { parser.head }

    /// Whether the request that is answered asks for no body, be it refused or not (RFC 9110
    /// §9.3.2).
    var answersHead: Bool { parser.isHead }

    // MARK: - What to do

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
            preconditionFailure("the answer comes before the next request")
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
        closesAfterResponse = drains || !parser.head.keepsAlive
        // RFC 9110 §10.1.1: the 100 may be left out if some of the body is here already.
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

    /// The body is not complete.
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

    /// How much is to be read at once: what fits the connection's own buffer, so that pipelined
    /// requests are not counted as a large one; beyond it, what the request may still have.
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

    // MARK: - What has happened

    /// So many bytes were added to `input`.
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

    /// The caller sends nothing more; it may still read.
    mutating func inputEnded() { hasEnded = true }

    /// There is no room for what was read.
    mutating func inputRefused() -> Action { refuse(.tooMuchInput) }

    /// The deadline of `read` has passed.
    mutating func deadlinePassed(now: MonotonicTime) -> Action {
        switch state {
        case .readingHead where input.isEmpty && drains:
            linger(from: now)
            return next(now: now)
        case .readingHead where input.isEmpty: return close()
        case .readingHead, .readingBody, .readingChunks: return refuse(.timedOut)
        case .lingering, .closed: return close()
        case .tooMany, .responding, .refusing:
            preconditionFailure("nothing is read while a request is answered")
        }
    }

    /// The request is answered without its body. Since that may come all the same, the answer is
    /// the connection's last (RFC 9110 §10.1.1).
    mutating func expectationRejected() {
        state = .refusing
        closesAfterResponse = true
    }

    /// The answer is about to leave; it says what `closesAfterResponse` says now.
    mutating func answerBegun() { hasBegunAnswer = true }

    /// The answer was sent.
    mutating func responded(now: MonotonicTime) {
        hasBegunAnswer = false
        if closesAfterResponse { return linger(from: now) }
        guard case .responding(let end) = state else {
            preconditionFailure("an answer belongs to a request")
        }
        input.removeFirst(end)
        parser.reset()
        state = .readingHead
        let timeout =
            input.isEmpty ? limits.idleTimeoutMilliseconds : limits.headTimeoutMilliseconds
        deadline = now.advanced(byMilliseconds: timeout)
        if drains { endIdling(at: now) }
    }

    /// Reads on while bytes come: who still sends its request, a proxy say, may look at the answer
    /// only then.
    private mutating func linger(from now: MonotonicTime) {
        input = []
        deadline = now.advanced(byMilliseconds: limits.lingerTimeoutMilliseconds)
        shutsDown = true
        lingerEnd =
            drains || isTooMany
            ? deadline : now.advanced(byMilliseconds: limits.lingerTotalMilliseconds)
        state = .lingering(bytesLeft: limits.lingerBytesMax)
    }

    /// The connection waits for bytes that may never come: gives back what it does not need.
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

    /// The server ends. What has arrived is answered, for the last time, and so is an answer that
    /// has not begun to leave; one that has said nothing of an end is followed by another, if its
    /// caller has asked for one already.
    ///
    /// A connection that has brought nothing yet is given the time that a head may take, as if the
    /// first byte had come just now. One that idles is listened to for a while, since a caller who
    /// posts all the time learns of the end by the answer to its next request. Then it lingers: to
    /// close it at once would reset it if a request comes just then, and take away an answer that
    /// its caller has not read yet.
    mutating func drain(now: MonotonicTime) {
        drains = true
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
