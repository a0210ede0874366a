internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// Probes Redis and the queue for `/health`, `/health/ready` and `/metrics`. It answers within a
/// second and coalesces callers, so that Redis gets at most one probe a second. Only its loop's
/// thread uses it.
///
/// The monitor has its own connection, opened by the first probe: a probe never delays a
/// transaction, and its commands are never sent again after the connection breaks.
final class RedisMonitor: Sendable {
    /// The result of one probe of Redis.
    struct Check: Sendable {
        /// The time that Redis took to reply, in microseconds, or why it did not reply.
        var result: Result<Int, Failure>
        /// The error behind a failure, for operators: its text may name users. Nil if no command
        /// has failed.
        var error: RedisError?
        var information = RedisInformation()
        var access: QueueAccess?
        /// Why Redis refused the last transaction.
        var refusal: RedisError?
        /// The durability barrier of `DURABILITY`; nil without one.
        var barrier: RedisBarrier?
        /// The node of a cluster that was probed; nil without a cluster.
        var node: RedisAddress?
        /// The checks of all nodes of a cluster that have the queue's slots.
        var nodes: [Check] = []
        let time: UnixTime

        fileprivate var name: String { node.map { "\($0)" } ?? "" }

        /// Whether Redis, or a node of the cluster, has answered.
        var isAnswered: Bool { if case .success = result { true } else { false } }

        /// Adds what is known without a probe.
        fileprivate mutating func complete(_ refusal: RedisError?, _ barrier: RedisBarrier?) {
            (self.refusal, self.barrier) = (refusal, barrier)
        }
    }

    /// Why a probe failed. The raw value is the `output` of the health check.
    enum Failure: String, Error {
        case notConnected = "not connected"
        case loginRefused = "Redis refuses the login: its log line says why"
        case refused = "the probe was refused"
        case denied = "Redis's access list does not let this user run evalsha"
        case timedOut = "no answer within a second"
        case sentinelsUnreachable = "none of the sentinels answers"
        case masterNameUnknown = "the sentinels answer, and none knows the name of the master"
        case sentinelRefused = "the sentinels refuse the question: the log line says why"
        case notMaster = "the server that the sentinels name is no master"
        case clusterUnreachable = "none of the cluster's nodes answers"
    }

    /// The result of one probe of the queue.
    struct QueueCheck: Sendable {
        let status: QueueStatus
        let time: UnixTime
    }

    private let producer: ProducerConnection?
    private let refusals: QueueRefusals
    private let barrier: RedisBarrier?
    private let redis: CachedProbe<Check>
    private let queue: CachedProbe<QueueCheck>
    private let probe: QueueProbe

    /// - Parameters:
    ///   - producer: the connection that enqueues transactions; nil if another process does.
    ///   - refusals: the last refusals of transactions by Redis, shared by all loops.
    ///   - probe: the queue's probe, over a connection made with `options`.
    init(
        producer: ProducerConnection?, refusals: QueueRefusals, queue probe: QueueProbe,
        barrier: RedisBarrier?, loop: EventLoop
    ) {
        self.producer = producer
        self.probe = probe
        self.refusals = refusals
        self.barrier = barrier
        redis = CachedProbe(
            loop: loop, late: { RedisMonitor.failed(.timedOut) },
            probe: { await RedisMonitor.run(probe) })
        self.queue = CachedProbe(
            loop: loop, late: { QueueCheck(status: QueueStatus(), time: .now()) },
            probe: { QueueCheck(status: await probe.status(), time: .now()) })
    }

    /// Makes the probes' connections anew, with another login and other certificates.
    func renew(_ target: RedisTarget) { probe.renew(target) }

    /// The probe of a queue, over a connection of its own on the loop.
    static func probe(
        _ kind: QueueProbe.Kind, _ target: Inspector.Target, on loop: EventLoop, named name: String
    ) -> QueueProbe {
        QueueProbe(
            client: RedisClient(
                url: target.url, on: loop,
                options: options(kind, role: "\(name)-probe", tls: target.tls),
                // No log lines: the caller of the probe gets the failure of its connection.
                logger: Logger(label: "core-api.probe") { _ in SwiftLogNoOpLogHandler() }),
            kind: kind, silenceSecondsMax: target.thresholds.silenceSecondsMax,
            barrier: target.barrier, features: target.features)
    }

    /// The options of a connection that asks about a queue.
    static func options(
        _ kind: QueueProbe.Kind, role: String, tls: TLSContext?
    ) -> RedisConnection.Options {
        var limits = RedisLimits()
        limits.commandTimeoutMilliseconds = RedisMonitor.timeoutMilliseconds
        limits.connectTimeoutMilliseconds = RedisMonitor.timeoutMilliseconds
        limits.replyTimeoutMilliseconds = RedisMonitor.timeoutMilliseconds
        limits.pauseMillisecondsMax = RedisMonitor.pauseMillisecondsMax
        return RedisConnection.Options(
            limits: limits, scripts: kind.scripts, isOnDemand: true,
            name: RedisClientName(role: role), tls: tls)
    }

    /// The timeout of a probe's command: shorter than the second for which callers wait.
    private static let timeoutMilliseconds = 900
    /// The maximum backoff: short, so that the first probe after an outage has time to connect.
    private static let pauseMillisecondsMax = 200

    /// The state of Redis, at most one second old.
    func check() async -> Check {
        var check = await redis.value()
        if case .success = check.result, producer?.isReady == false {
            check.result = .failure(.notConnected)
        }
        let refusal = refusals.current(now: .now())
        check.complete(refusal, barrier)
        for index in check.nodes.indices { check.nodes[index].complete(refusal, barrier) }
        return check
    }

    /// The state of the queue, at most one second old; nil without a connection. A figure that
    /// Redis does not report in time is left out.
    func queueCheck() async -> QueueCheck? {
        producer?.isReady == false ? nil : await queue.value()
    }

    // MARK: - The probe

    /// Sends commands that write nothing. The script comes last: a transient refusal, such as a
    /// cluster's, closes the connection and fails every command sent after the script.
    private static func run(_ probe: QueueProbe) async -> Check {
        let nodes = await probe.nodes()
        guard let first = nodes.first else {
            let reason = await probe.reason()
            var check = failed(failure(reason))
            check.error = reason.reason
            return check
        }
        if first.address == nil { return await run(probe, first) }
        let checks = await withTaskGroup(of: Check.self) { group in
            for node in nodes { group.addTask { await run(probe, node) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        // The slowest of those that answer; an error if none does.
        let times = checks.compactMap { try? $0.result.get() }
        var check = checks[0]
        if let slowest = times.max() { check.result = .success(slowest) }
        check.nodes = checks.sorted { $0.name < $1.name }
        return check
    }

    private static func run(_ probe: QueueProbe, _ node: QueueProbe.Node) async -> Check {
        let start = MonotonicTime.now()
        async let information = information(probe, node)
        if let reason = await failure(of: "PING", probe, node), failure(reason) != .denied {
            return Check(
                result: .failure(failure(reason)), error: reason.reason,
                information: await information, node: node.address, time: .now())
        }
        let microseconds = Int(clamping: MonotonicTime.now().nanoseconds(since: start) / 1_000)
        var check = Check(
            result: .success(microseconds), information: await information,
            node: node.address, time: .now())
        switch await access(probe, node) {
        case .success(let access): check.access = access
        case .failure(let reason):
            (check.result, check.error) = (.failure(failure(reason)), reason.reason)
        }
        return check
    }

    private static func access(
        _ probe: QueueProbe, _ node: QueueProbe.Node
    ) async -> Result<QueueAccess, RedisFailure> {
        do { return .success(try await probe.access(node)) } catch { return .failure(error) }
    }

    private static func failed(_ failure: Failure) -> Check {
        Check(result: .failure(failure), time: .now())
    }

    /// Why the command failed; nil if Redis replied to it.
    private static func failure(
        of command: String, _ probe: QueueProbe, _ node: QueueProbe.Node
    ) async -> RedisFailure? {
        do {
            _ = try await probe.ask([command], node)
            return nil
        } catch { return error }
    }

    private static func failure(_ failure: RedisFailure) -> Failure {
        switch failure {
        case .notExecuted(.server(let reply)) where reply.kind == .noPermission: .denied
        case .notExecuted(.server), .mayBeExecuted(.server): .refused
        case .notExecuted(.refused), .mayBeExecuted(.refused): .loginRefused
        case .notExecuted(let reason), .mayBeExecuted(let reason): self.failure(reason)
        }
    }

    private static func failure(_ reason: RedisError) -> Failure {
        switch reason {
        case .timedOut: .timedOut
        case .sentinelsUnreachable: .sentinelsUnreachable
        case .masterNameUnknown: .masterNameUnknown
        case .sentinelRefused: .sentinelRefused
        case .notMaster: .notMaster
        case .clusterUnreachable, .slotUnserved: .clusterUnreachable
        default: .notConnected
        }
    }

    /// The server's information: empty if the user may not run INFO, partial if it may not run
    /// CONFIG GET.
    private static func information(
        _ probe: QueueProbe, _ node: QueueProbe.Node
    ) async -> RedisInformation {
        var information = RedisInformation()
        let sections = RedisInformation.sections.map { ["INFO", $0] }
        for case .bulk(let text) in await replies(to: sections, probe, node) {
            information.add(text)
        }
        let settings = information.settingsWanted.map { ["CONFIG", "GET", $0] }
        for reply in await replies(to: settings, probe, node) { information.add(setting: reply) }
        return information
    }

    /// The replies of the commands that succeed, in any order.
    private static func replies(
        to commands: [[String]], _ probe: QueueProbe, _ node: QueueProbe.Node
    ) async -> [RedisReply] {
        await withTaskGroup(of: RedisReply?.self) { group in
            for command in commands {
                group.addTask { try? await probe.ask(command, node) }
            }
            return await group.reduce(into: []) { replies, reply in
                if let reply { replies.append(reply) }
            }
        }
    }
}
