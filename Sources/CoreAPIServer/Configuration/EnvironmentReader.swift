internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis

/// Reads variables of the environment as typed values.
struct EnvironmentReader {
    private let environment: (String) -> [UInt8]?

    init(_ environment: @escaping (String) -> [UInt8]?) { self.environment = environment }

    /// The value as UTF-8 text without control characters.
    func text(_ variable: String) throws(ConfigurationError) -> String? {
        guard let bytes = bytes(variable) else { return nil }
        guard let text = EnvironmentReader.text(bytes) else {
            throw ConfigurationError(
                variable: variable, value: nil,
                expectation: "give UTF-8 text without control characters")
        }
        return text
    }

    /// The bytes as text; nil if they are not UTF-8 or contain control characters.
    static func text(_ bytes: [UInt8]) -> String? {
        bytes.contains { $0 < 0x20 || $0 == 0x7F } ? nil : String(validating: bytes, as: UTF8.self)
    }

    /// Throws if the variable is set although it has no effect.
    ///
    /// - Parameter reason: why it has none: the state of another variable.
    func refuse(_ variable: String, because reason: String) throws(ConfigurationError) {
        guard let text = try text(variable) else { return }
        throw ConfigurationError(
            variable: variable, value: text, expectation: "\(reason): leave \(variable) out")
    }

    /// The client's certificate and its key, of which both variables are set or neither.
    func clientCertificate(
        _ certificate: String, key: String
    ) throws(ConfigurationError) -> TLSOptions.ClientCertificate? {
        switch (try text(certificate), try text(key)) {
        case (nil, nil): return nil
        case (let file?, let keyFile?):
            return TLSOptions.ClientCertificate(file: file, keyFile: keyFile)
        case (let file, _):
            throw ConfigurationError(
                variable: file == nil ? certificate : key, value: nil,
                expectation: "give both \(certificate) and \(key), or neither", isMissing: true)
        }
    }

    func integer(
        _ variable: String, in bounds: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int? {
        guard let text = try text(variable) else { return nil }
        guard let value = WholeNumber.read(text[...]), bounds.contains(value) else {
            throw ConfigurationError(
                variable: variable, value: text,
                expectation: "give \(WholeNumber.expectation(bounds))")
        }
        return value
    }

    /// An address, a host name or a Unix socket to listen on. The name is not resolved here: it may
    /// get its address later.
    func host(_ variable: String) throws(ConfigurationError) -> String? {
        guard let text = try text(variable) else { return nil }
        if let path = ListeningAddress.unixPath(text) {
            guard ListeningAddress.isSocketPath(path) else {
                throw ConfigurationError(
                    variable: variable, value: text,
                    expectation: "give unix: and the absolute path of a socket, of at most "
                        + "\(SocketAddress.unixPathBytesMax) bytes")
            }
            return text
        }
        guard SocketAddress.isHost(text) else {
            throw ConfigurationError(
                variable: variable, value: text,
                expectation: "give an IPv4 address, an IPv6 address without brackets, a name, or "
                    + "unix: and the absolute path of a socket")
        }
        return text
    }

    /// The choice that the variable's word selects.
    func choice<Value>(
        _ variable: String, _ choices: [(word: String, value: Value)]
    ) throws(ConfigurationError) -> Value? {
        guard let text = try text(variable) else { return nil }
        guard let choice = choices.first(where: { $0.word == text }) else {
            let words = choices.map(\.word).joined(separator: ", ")
            throw ConfigurationError(
                variable: variable, value: text, expectation: "give one of \(words)")
        }
        return choice.value
    }

    /// The queue, with the number of partitions of a stream: no other queue has more than one.
    func queue(
        _ variable: String, partitions: String
    ) throws(ConfigurationError) -> Configuration.Queue {
        let count = try integer(partitions, in: StreamPartitions.countBounds) ?? 1
        let queue: Configuration.Queue
        // With ??, Swift 6.3 reads the payload of the wrong case.
        if let given = try self.queue(variable) {
            queue = given
        } else {
            queue = .rq(name: "default", try jobs())
        }
        switch queue {
        case .rq: break
        case .stream(let stream):
            try checkNoJobs(queue)
            return .stream(StreamPartitions(key: stream.key, count: count))
        case .memory: try checkNoJobs(queue)
        }
        guard count == 1 else {
            throw ConfigurationError(
                variable: partitions, value: "\(count)",
                expectation: "\(variable) is \(queue.name): only stream:KEY has partitions")
        }
        return queue
    }

    private func queue(_ variable: String) throws(ConfigurationError) -> Configuration.Queue? {
        guard let text = try text(variable) else { return nil }
        if text == "memory" { return .memory }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        // A space around the name is a typing error: it would name a queue without workers.
        guard parts.count == 2, ["rq", "stream"].contains(parts[0]), parts[1].first != " ",
            parts[1].last != " ", !parts[1].isEmpty
        else {
            throw ConfigurationError(
                variable: variable, value: text,
                expectation: "give rq:NAME, stream:KEY or memory, without spaces around the name")
        }
        let name = String(parts[1])
        do { try QueueNameError.check(name) } catch {
            throw ConfigurationError(
                variable: variable, value: text, expectation: error.rawValue)
        }
        return parts[0] == "rq" ? .rq(name: name, try jobs()) : .stream(StreamPartitions(key: name))
    }

    /// The durability barrier: `memory` (nil), `aof`, `replica:N` or `aof+replica:N`.
    func durability(
        _ variable: String, of queue: Configuration.Queue
    ) throws(ConfigurationError) -> RedisBarrier? {
        guard let text = try text(variable), text != "memory" else { return nil }
        func wrong(_ expectation: String) -> ConfigurationError {
            ConfigurationError(variable: variable, value: text, expectation: expectation)
        }
        guard queue != .memory else { throw wrong("QUEUE is memory, which keeps nothing") }
        if text == "aof" { return .appendOnlyFile }
        let needsFile = text.hasPrefix("aof+")
        let level = needsFile ? text.dropFirst("aof+".count) : text[...]
        guard level.hasPrefix("replica:"),
            let count = WholeNumber.read(level.dropFirst("replica:".count)),
            Configuration.replicasBounds.contains(count)
        else {
            throw wrong(
                "give memory, aof, replica:N or aof+replica:N, N being "
                    + WholeNumber.expectation(Configuration.replicasBounds))
        }
        return needsFile ? .appendOnlyFileAndReplicas(count) : .replicas(count)
    }

    /// The limit of each user's transactions: `COUNT/SECONDS`.
    func rateLimit(_ variable: String) throws(ConfigurationError) -> RateLimit? {
        guard let text = try text(variable) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 2, let count = WholeNumber.read(parts[0]),
            let seconds = WholeNumber.read(parts[1]),
            let limit = try? RateLimit(count: count, seconds: seconds)
        {
            return limit
        }
        let (counts, times) = (RateLimit.countBounds, RateLimit.secondsBounds)
        throw ConfigurationError(
            variable: variable, value: text,
            expectation: "give COUNT/SECONDS, such as 100/60: COUNT transactions of each user, "
                + "\(counts.lowerBound) to \(counts.upperBound), in \(times.lowerBound) to "
                + "\(times.upperBound) seconds, without leading zeros")
    }

    /// The thresholds of `/health`; 0 disables a threshold.
    func health() throws(ConfigurationError) -> HealthThresholds {
        var thresholds = HealthThresholds()
        let any = 0...Configuration.secondsMax
        if let depth = try integer("HEALTH_QUEUE_DEPTH_WARN", in: any) {
            thresholds.depthMax = depth == 0 ? nil : depth
        }
        if let age = try integer("HEALTH_QUEUE_AGE_WARN_SECONDS", in: any) {
            thresholds.ageSecondsMax = age == 0 ? nil : age
        }
        thresholds.workersMin =
            try integer("HEALTH_WORKERS_MIN", in: 0...QueueStatus.workersMax)
            ?? thresholds.workersMin
        thresholds.silenceSecondsMax =
            try integer("HEALTH_WORKER_SILENCE_SECONDS", in: 1...Configuration.secondsMax)
            ?? thresholds.silenceSecondsMax
        return thresholds
    }

    /// The address that serves metrics; nil if `METRICS_PORT` is not set.
    func metrics(
        publicHost: String, publicPort: UInt16
    ) throws(ConfigurationError) -> MetricsAddress? {
        let given = try host("METRICS_HOST")
        if let given, ListeningAddress.unixPath(given) != nil {
            try refuse(
                "METRICS_PORT", because: "METRICS_HOST is a Unix socket, which has no port")
            return MetricsAddress(host: given, port: 0, isPublic: given == publicHost)
        }
        guard let number = try integer("METRICS_PORT", in: 0...65_535) else {
            guard let given else { return nil }
            throw ConfigurationError(
                variable: "METRICS_HOST", value: given,
                expectation: "give METRICS_PORT too: without it there are no metrics")
        }
        let isSocket = ListeningAddress.unixPath(publicHost) != nil
        guard let host = given ?? (isSocket ? nil : publicHost) else {
            throw ConfigurationError(
                variable: "METRICS_PORT", value: "\(number)",
                expectation: "HTTP_HOST is a Unix socket: give METRICS_HOST too")
        }
        let isPublic = !isSocket && number != 0 && number == publicPort
        guard !isPublic || host == publicHost else {
            throw ConfigurationError(
                variable: "METRICS_HOST", value: host,
                expectation: "METRICS_PORT is HTTP_PORT: give the same host as HTTP_HOST, none, "
                    + "or another port")
        }
        return MetricsAddress(host: host, port: UInt16(number), isPublic: isPublic)
    }

    /// The limit of callers' connections: `MAX_CONNECTIONS`, if the limit of open files allows it;
    /// without it, as many as the limit of open files and the memory allow.
    func connections(
        _ variable: String, _ openFiles: OpenFiles, memoryBytes: Int
    ) throws(ConfigurationError) -> Int {
        guard openFiles.connectionsMax > 0 else {
            let needed = openFiles.needed(connectionsMax: 1)
            throw ConfigurationError(
                variable: "THREADS", value: "\(openFiles.threads)",
                expectation: "the limit of open files is \(openFiles.limit): give fewer, "
                    + "or raise it (ulimit -n) to \(needed) or more")
        }
        guard let given = try integer(variable, in: Configuration.connectionsMaxBounds) else {
            return min(
                openFiles.connectionsMax, OpenFiles.connectionsDefaultMax,
                MemoryLimit.connectionsMax(memoryBytes: memoryBytes))
        }
        let needed = openFiles.needed(connectionsMax: given)
        guard needed <= openFiles.limit else {
            throw ConfigurationError(
                variable: variable, value: "\(given)",
                expectation: "the limit of open files is \(openFiles.limit): give at most "
                    + "\(openFiles.connectionsMax), or raise it (ulimit -n) to \(needed) or more")
        }
        return given
    }

    /// The variable's bytes; nil if it is not set or empty.
    func bytes(_ variable: String) -> [UInt8]? {
        guard let bytes = environment(variable), !bytes.isEmpty else { return nil }
        return bytes
    }
}
