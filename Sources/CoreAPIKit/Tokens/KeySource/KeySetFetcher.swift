internal import CoreAPIBase
internal import CoreAPIHTTP
internal import Logging

/// Performs the actions of `KeySetStateMachine`: fetches the set and replaces the one in use. It
/// lives on the thread of its loop.
final class KeySetFetcher: EventHandler, @unchecked Sendable {
    private let url: HTTPURL
    private let tls: TLSContext?
    private let loop: EventLoop
    private let state: KeySetState
    private let algorithms: Set<TokenAlgorithm>
    private let logger: Logger
    private var machine: KeySetStateMachine
    private var client: HTTPClient?
    private var observers: [@Sendable (JSONWebKeySet?) -> Void] = []
    /// The bytes of the set in use.
    private var content: [UInt8]?
    private var fetchBegan = MonotonicTime.now()
    /// Whether the authorities have changed since the start of the last fetch.
    private var hasNewAuthorities = false
    private var warningLimit = WarningLimit()

    init(
        _ url: HTTPURL, tls: TLSContext?, on loop: EventLoop, _ state: KeySetState,
        staleSeconds: Int, algorithms: Set<TokenAlgorithm>, _ logger: Logger
    ) {
        (self.url, self.tls, self.loop, self.state) = (url, tls, loop, state)
        self.algorithms = algorithms
        self.logger = logger
        machine = KeySetStateMachine(staleSeconds: staleSeconds, now: .now())
    }

    func start() {
        client = HTTPClient(url: url, tls: tls, on: loop, limits: KeySetFetcher.limits)
        loop.addTimed(self)
        deadlineReached(now: .now())
    }

    func end() {
        client?.close()
        client = nil
        observers = []
        loop.removeTimed(self)
    }

    /// Calls the observer with the set in use, and again whenever it changes.
    func add(_ observer: @escaping @Sendable (JSONWebKeySet?) -> Void) {
        guard client != nil else { return }
        observers.append(observer)
        observer(state.status.keySet)
    }

    /// A token asks for a newer set.
    func asked() {
        guard client != nil else { return }
        machine.asked(now: .now())
        loop.bringForward(machine.deadline)
    }

    /// Verifies the issuer by other authorities from the next fetch on. It begins at once, or 5 s
    /// after the start of the last one: the issuer may have a certificate of theirs already.
    func adopt(tls: TLSContext) {
        client?.adopt(tls: tls)
        hasNewAuthorities = true
        asked()
    }

    private static let limits: HTTPClientLimits = {
        var limits = HTTPClientLimits()
        limits.bodyBytesMax = JSONWebKeySet.bytesMax
        return limits
    }()

    // MARK: - The machine

    var deadline: MonotonicTime { machine.deadline }

    func deadlineReached(now: MonotonicTime) {
        switch machine.deadlineReached(now: now) {
        case .none: break
        case .fetch: fetch(now)
        case .expire: expire()
        }
        loop.bringForward(machine.deadline)
    }

    private func fetch(_ now: MonotonicTime) {
        fetchBegan = now
        hasNewAuthorities = false
        var request = HTTPRequest()
        let isAdded = request.add("Accept", "application/jwk-set+json, application/json")
        precondition(isAdded, "KeySetFetcher.fetch: the Accept field is not valid")
        client?.send(request) { [weak self] in self?.ended($0) }
    }

    private func ended(_ result: Result<HTTPResponse, HTTPClientError>) {
        switch answer(result) {
        case .success(let answer): succeeded(answer)
        case .failure(let error): failed(error)
        }
        state.answered()
        // The fetch may have failed for want of them.
        if hasNewAuthorities { machine.asked(now: .now()) }
        loop.bringForward(machine.deadline)
    }

    /// A good answer.
    private struct Answer {
        let keySet: JSONWebKeySet
        let content: [UInt8]
        let freshSeconds: Int?
    }

    private func answer(
        _ result: Result<HTTPResponse, HTTPClientError>
    ) -> Result<Answer, KeySetFetchError> {
        switch result {
        case .success(let response):
            Result { () throws(KeySetFetchError) in try answer(response) }
        case .failure(let error): .failure(KeySetFetchError(error))
        }
    }

    private func answer(_ response: HTTPResponse) throws(KeySetFetchError) -> Answer {
        guard response.status == 200 else { throw .status(response.status) }
        let keySet: JSONWebKeySet
        do { keySet = try JSONWebKeySet(parsing: response.body) } catch { throw .keySet(error) }
        guard keySet.canVerify(any: algorithms) else { throw .noUsableKey }
        return Answer(
            keySet: keySet, content: response.body, freshSeconds: response.freshSeconds)
    }

    private func succeeded(_ answer: Answer) {
        machine.fetched(
            freshSeconds: answer.freshSeconds, now: .now(), jitter: .random(in: 0...1))
        let isNew = content != answer.content
        var wasFailing = false
        state.update { [fetchBegan] status in
            wasFailing = status.failure != nil
            status.failure = nil
            status.successCount += 1
            status.fetchedAt = fetchBegan
        }
        if isNew {
            content = answer.content
            replace(with: answer.keySet)
        }
        guard isNew || wasFailing else { return }
        logger.info(
            isNew ? "key set fetched" : "key set fetched again, unchanged",
            metadata: answer.keySet.logMetadata.merging(source) { $1 })
        if isNew { answer.keySet.warnOfUntriedKeys(logger, source: source, algorithms) }
    }

    private func failed(_ error: KeySetFetchError) {
        let now = MonotonicTime.now()
        machine.failed(now: now, jitter: .random(in: 0...1))
        var isSame = false
        state.update { status in
            isSame = status.failure == error
            status.failure = error
            status.failureCounts[error.word, default: 0] += 1
        }
        // Another reason is logged at once: fetches are seconds apart.
        guard warningLimit.isDue(now: now) || !isSame else { return }
        let message: Logger.Message =
            content == nil
            ? "key set not fetched, and there is none to use"
            : "key set not fetched: the last one stays in use"
        let level: Logger.Level = if case .keySet(.privateKey) = error { .error } else { .warning }
        logger.log(
            level: level, message, metadata: ["url": "\(url)", "reason": "\(error)"])
    }

    private func expire() {
        content = nil
        state.update { $0.fetchedAt = nil }
        replace(with: nil)
        logger.error(
            "key set too old: its tokens are refused until one is fetched",
            metadata: ["url": "\(url)"])
    }

    private func replace(with keySet: JSONWebKeySet?) {
        state.replace(with: keySet)
        for observer in observers { observer(keySet) }
    }

    private var source: Logger.Metadata { ["url": "\(url)"] }
}

extension JSONWebKeySet {
    /// Whether the set has a key for at least one of the algorithms.
    package func canVerify(any algorithms: Set<TokenAlgorithm>) -> Bool {
        let algorithms = algorithms.intersection(TokenAlgorithm.asymmetric)
        return keys.contains { key in algorithms.contains { key.verifier($0) != nil } }
    }
}
