internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis

/// Tells how Redis and the queue in it are, within a second, without asking Redis more than once a
/// second. It lives on its loop's thread.
///
/// It asks over a connection of its own, which is opened when it is first asked: what a probe asks
/// for never delays a transaction, and is never asked a second time after a break.
final class RedisMonitor: Sendable {
    /// What was found of Redis, and when.
    struct Check: Sendable {
        /// How long Redis took, in microseconds.
        var result: Result<Int, Failure>
        var information = RedisInformation()
        var access: QueueAccess?
        /// Why Redis refused the last transaction.
        var refusal: RedisError?
        /// What the queue waits for besides Redis's own confirmation.
        var barrier: RedisBarrier?
        let time: UnixTime
    }

    /// The raw value is what the caller is told.
    enum Failure: String, Error {
        case notConnected = "not connected"
        case loginRefused = "Redis refuses the login: its log line says why"
        case refused = "the probe was refused"
        case denied = "Redis's access list does not let this user run evalsha"
        case timedOut = "no answer within a second"
    }

    /// What was found of the queue, and when.
    struct QueueCheck: Sendable {
        let status: QueueStatus
        let time: UnixTime
    }

    private let producer: RedisConnection
    private let refusals: QueueRefusals
    private let barrier: RedisBarrier?
    private let redis: CachedProbe<Check>
    private let queue: CachedProbe<QueueCheck>

    /// - Parameters:
    ///   - producer: what enqueues.
    ///   - refusals: what Redis said to transactions, on whatever loop.
    ///   - probe: asks over a connection that was made with `options`.
    init(
        producer: RedisConnection, refusals: QueueRefusals, queue probe: QueueProbe,
        barrier: RedisBarrier?, loop: EventLoop
    ) {
        self.producer = producer
        self.refusals = refusals
        self.barrier = barrier
        redis = CachedProbe(
            loop: loop, late: { RedisMonitor.failed(.timedOut) },
            probe: { await RedisMonitor.run(probe) })
        self.queue = CachedProbe(
            loop: loop, late: { QueueCheck(status: QueueStatus(), time: .now()) },
            probe: { QueueCheck(status: await probe.status(), time: .now()) })
    }

    /// What the connection of a probe is opened with.
    static func options(_ kind: QueueProbe.Kind, tls: TLSContext?) -> RedisConnection.Options {
        var limits = RedisLimits()
        limits.commandTimeoutMilliseconds = RedisMonitor.timeoutMilliseconds
        limits.connectTimeoutMilliseconds = RedisMonitor.timeoutMilliseconds
        limits.replyTimeoutMilliseconds = RedisMonitor.timeoutMilliseconds
        limits.pauseMillisecondsMax = RedisMonitor.pauseMillisecondsMax
        return RedisConnection.Options(
            limits: limits, scripts: kind.scripts, isOnDemand: true, tls: tls)
    }

    /// Less than the second for which callers wait.
    private static let timeoutMilliseconds = 900
    /// So that the first probe after an outage has time to connect.
    private static let pauseMillisecondsMax = 200

    /// The state of Redis, not older than a second.
    func check() async -> Check {
        var check = await redis.value()
        if case .success = check.result, !producer.isReady {
            check.result = .failure(.notConnected)
        }
        check.refusal = refusals.current(now: .now())
        check.barrier = barrier
        return check
    }

    /// The state of the queue, not older than a second; nil without a connection. What Redis does
    /// not tell in time is left out.
    func queueCheck() async -> QueueCheck? { producer.isReady ? await queue.value() : nil }

    // MARK: - The probe

    /// Commands that write nothing. The script comes last: a refusal that passes by itself, such as
    /// that of a cluster, ends the connection, and with it what was asked behind it.
    private static func run(_ probe: QueueProbe) async -> Check {
        let start = MonotonicTime.now()
        async let information = information(probe)
        if let failure = await failure(of: "PING", probe), failure != .denied {
            return Check(
                result: .failure(failure), information: await information, time: .now())
        }
        let microseconds = Int(clamping: MonotonicTime.now().nanoseconds(since: start) / 1_000)
        var check = Check(
            result: .success(microseconds), information: await information, time: .now())
        switch await access(probe) {
        case .success(let access): check.access = access
        case .failure(let reason): check.result = .failure(failure(reason))
        }
        return check
    }

    private static func access(_ probe: QueueProbe) async -> Result<QueueAccess, RedisFailure> {
        do { return .success(try await probe.access()) } catch { return .failure(error) }
    }

    private static func failed(_ failure: Failure) -> Check {
        Check(result: .failure(failure), time: .now())
    }

    /// Why a command has no reply; nil if it has one.
    private static func failure(of command: String, _ probe: QueueProbe) async -> Failure? {
        do {
            _ = try await probe.ask([command])
            return nil
        } catch { return failure(error) }
    }

    private static func failure(_ failure: RedisFailure) -> Failure {
        switch failure {
        case .notExecuted(.server(let reply)) where reply.kind == .noPermission: .denied
        case .notExecuted(.server), .mayBeExecuted(.server): .refused
        case .notExecuted(.refused), .mayBeExecuted(.refused): .loginRefused
        case .notExecuted(.timedOut), .mayBeExecuted(.timedOut): .timedOut
        case .notExecuted, .mayBeExecuted: .notConnected
        }
    }

    /// Nothing for a user without a right to INFO, and less without one to CONFIG GET.
    private static func information(_ probe: QueueProbe) async -> RedisInformation {
        var information = RedisInformation()
        let sections = RedisInformation.sections.map { ["INFO", $0] }
        for case .bulk(let text) in await replies(to: sections, probe) { information.add(text) }
        let settings = information.settingsWanted.map { ["CONFIG", "GET", $0] }
        for reply in await replies(to: settings, probe) { information.add(setting: reply) }
        return information
    }

    /// The replies that there are, in any order.
    private static func replies(
        to commands: [[String]], _ probe: QueueProbe
    ) async -> [RedisReply] {
        await withTaskGroup(of: RedisReply?.self) { group in
            for command in commands {
                group.addTask { try? await probe.ask(command) }
            }
            return await group.reduce(into: []) { replies, reply in
                if let reply { replies.append(reply) }
            }
        }
    }
}
