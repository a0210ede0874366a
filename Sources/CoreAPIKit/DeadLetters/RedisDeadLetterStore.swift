package import CoreAPIBase
public import CoreAPIRedis
internal import Logging
internal import Synchronization

/// The dead letters of a queue in Redis: the streams `KEY:dead` of a stream and its partitions, or
/// rq's registry of failed jobs, `rq:failed:NAME`.
///
/// Each command reads or changes a bounded number of letters. Nothing of rq is unpickled.
public final class RedisDeadLetterStore: DeadLetterStore {
    let client: RedisClient
    let kind: QueueProbe.Kind
    let scripts: DeadLetterScripts
    /// The places whose nodes did not answer.
    let away = Mutex(AwayPlaces())
    /// The pauses between commands; nil without pauses.
    private let pace: DeadLetterPace?

    /// The letters that one command reads at most, and changes at most: Redis serves no other
    /// caller meanwhile.
    package static let stepCount = 25
    /// The letters of a page at most.
    private static let pageCountMax = 100
    /// The commands of one page: letters of another reason are passed over.
    private static let readsOfPageMax = 20
    /// The newest letters that `reasons` examines.
    private static let examinedMax = 1_000
    private static let commandTimeoutSeconds = 2

    /// Connects to Redis, to the dead letters of a stream.
    ///
    /// - Parameters:
    ///   - url: as of ``StreamTransactionQueue``.
    ///   - key: of the stream.
    ///   - partitions: of the stream, 1 to 1,024.
    ///   - options: logger and TLS.
    /// - Throws: `RedisError`: `urlInvalid`, `argumentInvalid`, `queueNameInvalid`, `tlsInvalid`.
    public convenience init(
        url: String, stream key: String, partitions: Int = 1,
        options: QueueOptions = QueueOptions()
    ) throws(RedisError) {
        let target = try options.target(url, stream: key, partitions: partitions)
        self.init(
            .stream(target.queue), target.settings.url, on: target.loop,
            target.settings.producer.tls)
    }

    /// Connects to Redis, to the failed jobs of a queue of python-rq.
    ///
    /// - Parameters:
    ///   - url: as of ``RQTransactionQueue``.
    ///   - name: of the queue.
    ///   - options: logger and TLS.
    ///   - jobs: the prefix of rq's keys.
    /// - Throws: `RedisError`: `urlInvalid`, `argumentInvalid`, `queueNameInvalid`, `tlsInvalid`.
    public convenience init(
        url: String, rqQueue name: String, options: QueueOptions = QueueOptions(),
        jobs: RQJobOptions = RQJobOptions()
    ) throws(RedisError) {
        let target = try options.target(url, rqQueue: name, jobs)
        self.init(
            .rq(target.queue), target.settings.url, on: target.loop, target.settings.producer.tls)
    }

    /// The store of a queue, over a connection of its own on the loop.
    ///
    /// - Parameter isPaced: whether commands are followed by pauses: see `DeadLetterPace`.
    package init(
        _ kind: QueueProbe.Kind, _ url: RedisURL, on loop: EventLoop, _ tls: TLSContext?,
        isPaced: Bool = false
    ) {
        self.kind = kind
        pace = isPaced ? DeadLetterPace() : nil
        switch kind {
        case .rq: scripts = .rq
        case .stream: scripts = .stream
        }
        var limits = RedisLimits(
            commandTimeoutSeconds: RedisDeadLetterStore.commandTimeoutSeconds)
        limits.connectTimeoutMilliseconds = 1_000
        client = RedisClient(
            url: url, on: loop,
            options: RedisConnection.Options(
                limits: limits, scripts: scripts.all, isOnDemand: true,
                name: RedisClientName(role: "dead-letters"), tls: tls),
            // No log lines: the caller gets the failure.
            logger: Logger(label: "core-api.dead-letters") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Uses another login and other certificates: see `RedisConnection.renew`.
    package func renew(_ target: RedisTarget) { client.renew(target) }

    /// Ends the connection; what waits for a reply fails.
    public func close() { client.close() }

    // MARK: - Places

    /// How many sets of letters there are: one for each partition.
    var placeCount: Int {
        if case .stream(let partitions) = kind { partitions.count } else { 1 }
    }

    /// The key of the letters.
    func key(_ place: Int) -> String {
        switch kind {
        case .rq(let keys): keys.failed
        case .stream(let partitions): partitions.deadLetterKey(place)
        }
    }

    private func queueKeys(_ place: Int) -> [String] {
        switch kind {
        case .rq(let keys): [keys.list, keys.queues]
        case .stream(let partitions): [partitions.streamKey(place)]
        }
    }

    /// The word that the scripts of rq get: the prefix of its keys.
    private var prefix: [String] { if case .rq(let keys) = kind { [keys.start] } else { [] } }

    // MARK: - Reading

    public func page(
        after cursor: String?, reason: String?, limit: Int
    ) async throws(RedisError) -> DeadLetterPage {
        let at = try self.cursor(cursor)
        return try await page(at, reason, limit, try await counts(asksAll: cursor == nil))
    }

    private func page(
        _ start: DeadLetterCursor, _ reason: String?, _ limit: Int, _ counts: Counts
    ) async throws(RedisError) -> DeadLetterPage {
        let limit = min(max(1, limit), RedisDeadLetterStore.pageCountMax)
        var (at, letters, examined, unreached) = (start, [DeadLetter](), 0, [Int]())
        for _ in 0..<RedisDeadLetterStore.readsOfPageMax {
            unreached += at.skipEmpty(counts.ofPlaces)
            guard at.place < placeCount else { break }
            let wanted = reason == nil ? limit - letters.count : RedisDeadLetterStore.stepCount
            let found: [(position: String, letter: DeadLetter?)]
            do {
                found = try await read(
                    at.place, "down", after: at.position,
                    min(wanted, RedisDeadLetterStore.stepCount))
            } catch {
                try passOver(at.place, error)
                unreached.append(at.place)
                found = []
            }
            guard let last = found.last else {
                at = .start(of: at.place + 1)
                continue
            }
            at.position = last.position
            for (position, letter) in found {
                guard let letter else { continue }
                examined += 1
                guard reason == nil || letter.reason == reason else { continue }
                letters.append(letter)
                if letters.count == limit {
                    at.position = position
                    return DeadLetterPage(
                        letters: letters, examined: examined, next: at.text, unreached: unreached)
                }
            }
        }
        return DeadLetterPage(
            letters: letters, examined: examined, next: at.place < placeCount ? at.text : nil,
            unreached: unreached)
    }

    public func reasons() async throws(RedisError) -> DeadLetterReasons {
        let counts = try await counts(asksAll: true)
        var letters: [DeadLetter] = []
        var unreached = Set(counts.unreached)
        var cursor: String?
        repeat {
            let page = try await page(
                try self.cursor(cursor), nil, RedisDeadLetterStore.pageCountMax, counts)
            letters += page.letters
            unreached.formUnion(page.unreached)
            cursor = page.next
        } while cursor != nil && letters.count < RedisDeadLetterStore.examinedMax
        return DeadLetterReasons(
            of: letters, count: counts.sum, unreached: unreached.sorted())
    }

    public func letter(_ id: String) async throws(RedisError) -> DeadLetter? {
        guard let (place, id) = parts(of: id) else { return nil }
        return try await read(place, "one", after: id, 1, bytesMax: 64 * 1024).first?.letter
    }

    /// Letters with their positions; without a letter what rq has forgotten.
    private func read(
        _ place: Int, _ mode: String, after position: String, _ limit: Int,
        bytesMax: Int = 16 * 1024
    ) async throws(RedisError) -> [(position: String, letter: DeadLetter?)] {
        let arguments = [mode, position, "\(limit)", "\(bytesMax)"] + prefix
        let reply = try await call(scripts.read, [key(place)], arguments)
        guard case .array(let entries) = reply else { throw .protocolViolation }
        var letters: [(position: String, letter: DeadLetter?)] = []
        for entry in entries {
            guard case .array(let parts) = entry else { throw .protocolViolation }
            let words = parts.map { DeadLetterWords.bytes($0) }
            guard let position = words.first.map({ String(decoding: $0, as: UTF8.self) }) else {
                throw .protocolViolation
            }
            guard words.count > 1 else {
                letters.append((position, nil))
                continue
            }
            let id = String(decoding: words[1], as: UTF8.self)
            let found = DeadLetterWords(Array(words[2...]))
            switch kind {
            case .rq: letters.append((position, found.job(id, isWhole: mode == "one")))
            case .stream:
                letters.append((position, found.entry(id, place: placeCount > 1 ? place : nil)))
            }
        }
        return letters
    }

    /// The place and the id of a letter; nil for an id that no letter has.
    private func parts(of id: String) -> (place: Int, id: String)? {
        guard case .stream = kind else { return (0, id) }
        let parts = id.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == (placeCount > 1 ? 2 : 1), let entry = parts.last,
            let place = placeCount > 1 ? Int(parts[0]) : 0, 0..<placeCount ~= place
        else { return nil }
        guard RedisDeadLetterStore.isEntryID(entry) else { return nil }
        return (place, String(entry))
    }

    private static func isEntryID(_ text: some StringProtocol) -> Bool {
        let numbers = text.split(separator: "-", omittingEmptySubsequences: false)
        return numbers.count == 2 && numbers.allSatisfy { UInt64($0) != nil }
    }

    private func cursor(_ text: String?) throws(RedisError) -> DeadLetterCursor {
        do {
            return try DeadLetterCursor(text, places: placeCount) { position in
                if case .stream = kind { return RedisDeadLetterStore.isEntryID(position) }
                // The score of a job in the registry, which may be infinite, and its id.
                let parts = position.split(separator: " ", maxSplits: 1)
                return parts.count == 2 && Double(parts[0])?.isNaN == false
            }
        } catch { throw .argumentInvalid(error) }
    }

    // MARK: - Changing

    public func perform(
        _ action: DeadLetterAction, on id: String
    ) async throws(RedisError) -> Bool {
        guard let (place, id) = parts(of: id) else { return false }
        return try await perform(action, [id], place) > 0
    }

    public func perform(
        _ action: DeadLetterAction, onReason reason: String?, after cursor: String?
    ) async throws(RedisError) -> DeadLetterStep {
        var at = try self.cursor(cursor)
        var unreached: [Int] = []
        if at.remaining == nil {
            let counts = try await counts(asksAll: cursor == nil)
            unreached = at.skipEmpty(counts.ofPlaces)
            guard at.place < placeCount else {
                return DeadLetterStep(count: 0, next: nil, unreached: unreached)
            }
            at.remaining = counts.ofPlaces[at.place]
        }
        var count = 0
        do { count = try await perform(action, onReason: reason, at: &at) } catch {
            try passOver(at.place, error)
            unreached.append(at.place)
            at = .start(of: at.place + 1)
        }
        return DeadLetterStep(
            count: count, next: at.place < placeCount ? at.text : nil, unreached: unreached)
    }

    /// Changes some letters of the cursor's place, and advances the cursor.
    private func perform(
        _ action: DeadLetterAction, onReason reason: String?, at: inout DeadLetterCursor
    ) async throws(RedisError) -> Int {
        let limit = min(RedisDeadLetterStore.stepCount, at.remaining ?? 0)
        let found = try await read(at.place, "up", after: at.position, limit)
        let ids = found.compactMap(\.letter).filter { reason == nil || $0.reason == reason }
            .compactMap { parts(of: $0.id)?.id }
        let count = ids.isEmpty ? 0 : try await perform(action, ids, at.place)
        // Letters that die again meanwhile are behind the others: they are not reached. A job that
        // rq has forgotten was not counted.
        let remaining = (at.remaining ?? 0) - found.filter { $0.letter != nil }.count
        if let last = found.last, remaining > 0 {
            (at.position, at.remaining) = (last.position, remaining)
        } else {
            at = .start(of: at.place + 1)
        }
        return count
    }

    /// - Returns: how many of the letters were there.
    private func perform(
        _ action: DeadLetterAction, _ ids: [String], _ place: Int
    ) async throws(RedisError) -> Int {
        let reply: RedisReply
        switch action {
        case .remove: reply = try await call(scripts.remove, [key(place)], prefix + ids)
        case .requeue:
            let time = prefix.isEmpty ? [] : [UnixTime.now().timestamp]
            let arguments = time + prefix + ids
            reply = try await call(
                scripts.requeue, [key(place)] + queueKeys(place), arguments)
        }
        guard let count = QueueProbe.count(reply) else { throw .protocolViolation }
        return count
    }

    // MARK: - Redis

    /// Once more if Redis has forgotten the script: a new login loads it.
    ///
    /// - Parameter isPaced: false for a command that reads and changes no letters.
    func call(
        _ script: RedisScript, _ keys: [String], _ arguments: [String], isPaced: Bool = true
    ) async throws(RedisError) -> RedisReply {
        let began = isPaced ? await pace?.next() : nil
        defer { if let began { pace?.ended(since: began) } }
        let command = RedisCommand(calling: script, keys: keys, arguments: arguments)
        let slot = HashSlot(ofKey: keys[0].utf8)
        for _ in 0..<2 {
            switch await client.reply(to: command, slot: slot) {
            case .success(.error(let error)): throw .server(error)
            case .success(let reply): return reply
            case .failure(.notExecuted(.server(let reply))) where reply.kind == .scriptUnknown:
                continue
            case .failure(let failure): throw failure.reason
            }
        }
        throw .connectionLost
    }
}
