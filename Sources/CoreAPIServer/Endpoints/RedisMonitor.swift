internal import CoreAPIKit

/// Asks Redis whether it answers, at most once a second however many callers ask, and tells them
/// within a second. It lives on its loop's thread.
final class RedisMonitor: EventHandler, @unchecked Sendable {
    /// What was found, and when.
    struct Check: Sendable {
        /// How long Redis took, in microseconds.
        let result: Result<Int, Failure>
        /// Nil if Redis did not tell.
        let durability: Durability?
        let time: UnixTime

        var status: HealthEndpoint.Status {
            guard case .success = result else { return .fail }
            return durability == .memoryOnly ? .warn : .pass
        }
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

    private static let cacheMilliseconds = 1_000
    private static let timeoutMilliseconds = 1_000

    private let connection: RedisConnection
    private let loop: EventLoop
    private var last: (check: Check, at: MonotonicTime)?
    private var waiters: [Suspension<Check>] = []
    private var isProbing = false
    private(set) var deadline = MonotonicTime.never

    init(connection: RedisConnection, loop: EventLoop) {
        self.connection = connection
        self.loop = loop
        loop.submit { [self] in loop.addTimed(self) }
    }

    /// The state of Redis, not older than a second.
    func check() async -> Check {
        guard connection.isReady else {
            return Check(result: .failure(.notConnected), durability: nil, time: .now())
        }
        if let last, last.at.advanced(byMilliseconds: RedisMonitor.cacheMilliseconds) > loop.now {
            return last.check
        }
        return await Suspension.value { waiter in
            waiters.append(waiter)
            if waiters.count == 1 { beginToWait() }
        }
    }

    private func beginToWait() {
        deadline = .now().advanced(byMilliseconds: RedisMonitor.timeoutMilliseconds)
        loop.bringForward(deadline)
        // A probe that has not come back from a stalled Redis is not followed by another.
        guard !isProbing else { return }
        isProbing = true
        Task(executorPreference: loop) { [self] in await probe() }
    }

    /// Commands that write nothing.
    private func probe() async {
        let start = MonotonicTime.now()
        var ping = RedisCommand(capacity: 16)
        ping.add("PING")
        var failure: Failure?
        do { _ = try await connection.execute(ping) } catch {
            switch error {
            // Redis answers, and this user may enqueue without a right to PING.
            case .notExecuted(.server(let reply)) where reply.kind == .noPermission: break
            case .notExecuted(.server): failure = .refused
            case .notExecuted, .mayBeExecuted: failure = .notConnected
            }
        }
        let microseconds = Int((MonotonicTime.now().nanoseconds - start.nanoseconds) / 1_000)
        let durability = failure == nil ? await durability() : nil
        isProbing = false
        tellWaiters(finish(failure.map { .failure($0) } ?? .success(microseconds), durability))
    }

    /// Nil for a user without a right to INFO, and where the answer is not understood.
    private func durability() async -> Durability? {
        guard let file = await information("persistence", "aof_enabled"),
            let replicas = await information("replication", "connected_slaves")
        else { return nil }
        if file == 0, replicas == 0 { return .memoryOnly }
        return .kept(appendOnlyFile: file > 0, replicas: replicas)
    }

    /// A number of a section of INFO.
    private func information(_ section: String, _ name: String) async -> Int? {
        var command = RedisCommand(capacity: 48)
        command.add("INFO", section)
        guard case .bulk(let bytes)? = try? await connection.execute(command) else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split { $0.isNewline }
        let line = lines.first { $0.hasPrefix(name + ":") }
        return line.flatMap { Int($0.dropFirst(name.utf8.count + 1)) }
    }

    func deadlineReached(now: MonotonicTime) { tellWaiters(finish(.failure(.timedOut))) }

    private func finish(
        _ result: Result<Int, Failure>, _ durability: Durability? = nil
    ) -> Check {
        let check = Check(result: result, durability: durability, time: .now())
        last = (check, .now())
        return check
    }

    private func tellWaiters(_ check: Check) {
        deadline = .never
        let told = waiters
        waiters = []
        for waiter in told { waiter.resume(returning: check) }
    }
}
