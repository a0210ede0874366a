internal import CoreAPIKit

/// Asks Redis whether it answers, at most once a second however many callers ask, and tells them
/// within a second. It lives on its loop's thread.
final class RedisMonitor: EventHandler, @unchecked Sendable {
    /// What was found, and when.
    struct Check: Sendable {
        /// How long Redis took, in microseconds.
        let result: Result<Int, Failure>
        let time: UnixTime

        var passes: Bool { (try? result.get()) != nil }
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
        if let last, last.at.advanced(byMilliseconds: RedisMonitor.cacheMilliseconds) > loop.now {
            return last.check
        }
        guard connection.isReady else { return finish(.failure(.notConnected)) }
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

    /// A command that reads nothing and writes nothing.
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
        isProbing = false
        tellWaiters(finish(failure.map { .failure($0) } ?? .success(microseconds)))
    }

    func deadlineReached(now: MonotonicTime) { tellWaiters(finish(.failure(.timedOut))) }

    private func finish(_ result: Result<Int, Failure>) -> Check {
        let check = Check(result: result, time: .now())
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
