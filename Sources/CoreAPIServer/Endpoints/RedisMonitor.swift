internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis

/// Tells how Redis and the queue in it are, within a second, without asking Redis more than once a
/// second. It lives on its loop's thread.
final class RedisMonitor: Sendable {
    /// What was found of Redis, and when.
    struct Check: Sendable {
        /// How long Redis took, in microseconds.
        let result: Result<Int, Failure>
        /// Nil if Redis did not tell.
        let durability: Durability?
        let time: UnixTime
    }

    /// Where Redis keeps what it has confirmed, besides its memory.
    enum Durability: Equatable, Sendable {
        case memoryOnly
        case kept(appendOnlyFile: Bool, replicas: Int)
    }

    /// The raw value is what the caller is told.
    enum Failure: String, Error {
        case notConnected = "not connected"
        case refused = "the probe was refused"
        case timedOut = "no answer within a second"
    }

    /// What was found of the queue, and when.
    struct QueueCheck: Sendable {
        let status: QueueStatus
        let time: UnixTime
    }

    private let connection: RedisConnection
    private let redis: CachedProbe<Check>
    private let queue: CachedProbe<QueueCheck>

    init(connection: RedisConnection, queue: QueueProbe, loop: EventLoop) {
        self.connection = connection
        redis = CachedProbe(
            loop: loop, late: { RedisMonitor.failed(.timedOut) },
            probe: { await RedisMonitor.probe(connection) })
        self.queue = CachedProbe(
            loop: loop, late: { QueueCheck(status: QueueStatus(), time: .now()) },
            probe: { QueueCheck(status: await queue.status(), time: .now()) })
    }

    /// The state of Redis, not older than a second.
    func check() async -> Check {
        connection.isReady ? await redis.value() : RedisMonitor.failed(.notConnected)
    }

    /// The state of the queue, not older than a second; nil without a connection. What Redis does
    /// not tell in time is left out.
    func queueCheck() async -> QueueCheck? { connection.isReady ? await queue.value() : nil }

    // MARK: - The probe

    /// Commands that write nothing.
    private static func probe(_ connection: RedisConnection) async -> Check {
        let start = MonotonicTime.now()
        var ping = RedisCommand(capacity: 16)
        ping.add("PING")
        do { _ = try await connection.execute(ping) } catch {
            switch error {
            // Redis answers, and this user may enqueue without a right to PING.
            case .notExecuted(.server(let reply)) where reply.kind == .noPermission: break
            case .notExecuted(.server): return failed(.refused)
            case .notExecuted, .mayBeExecuted: return failed(.notConnected)
            }
        }
        let microseconds = Int(MonotonicTime.now().nanoseconds(since: start) / 1_000)
        return Check(
            result: .success(microseconds), durability: await durability(connection), time: .now())
    }

    private static func failed(_ failure: Failure) -> Check {
        Check(result: .failure(failure), durability: nil, time: .now())
    }

    /// Nil for a user without a right to INFO, and where the answer is not understood.
    private static func durability(_ connection: RedisConnection) async -> Durability? {
        guard let file = await information("persistence", "aof_enabled", connection),
            let replicas = await information("replication", "connected_slaves", connection)
        else { return nil }
        if file == 0, replicas == 0 { return .memoryOnly }
        return .kept(appendOnlyFile: file > 0, replicas: replicas)
    }

    /// A number of a section of INFO.
    private static func information(
        _ section: String, _ name: String, _ connection: RedisConnection
    ) async -> Int? {
        var command = RedisCommand(capacity: 48)
        command.add("INFO", section)
        guard case .bulk(let bytes)? = try? await connection.execute(command) else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split { $0.isNewline }
        let line = lines.first { $0.hasPrefix(name + ":") }
        return line.flatMap { Int($0.dropFirst(name.utf8.count + 1)) }
    }
}
