internal import CoreAPIBase
package import CoreAPIRedis

/// Asks Redis how a queue is doing, by scripts that write nothing and answer with numbers, ids and
/// times alone: whatever others have put into the queue stays in Redis.
///
/// They are called as the script that enqueues is, by `EVALSHA`, and so need no right more than the
/// commands in them do. A command that the access list forbids leaves its figure out.
package struct QueueProbe: Sendable {
    /// Whose queue it is.
    package enum Kind: Sendable {
        case rq(RQKeys)
        case stream(StreamPartitions)

        /// What the probe's connection must load.
        package var scripts: [RedisScript] {
            switch self {
            case .rq: [QueueProbe.rqScript, QueueAccess.rqScript]
            case .stream: [QueueProbe.streamScript, QueueAccess.streamScript]
            }
        }
    }

    /// A call of a script.
    struct Call: Sendable {
        let command: RedisCommand
        /// Of all its keys.
        let slot: HashSlot
    }

    /// A server to ask, with the partitions that it has.
    package struct Node: Sendable {
        /// Of a node of a cluster.
        package let address: RedisAddress?
        fileprivate let partitions: [Int]
    }

    let client: RedisClient
    let kind: Kind
    /// A worker that has been silent for longer does not count.
    let silenceSecondsMax: Int
    /// What the queue's connection confirms transactions with; nil for their own replies.
    let barrier: RedisBarrier?
    /// What the queue keeps besides its transactions.
    let features: QueueFeatures

    /// - Parameter client: has loaded the kind's scripts.
    package init(
        client: RedisClient, kind: Kind, silenceSecondsMax: Int,
        barrier: RedisBarrier? = nil, features: QueueFeatures = QueueFeatures()
    ) {
        self.client = client
        self.kind = kind
        self.silenceSecondsMax = silenceSecondsMax
        self.barrier = barrier
        self.features = features
    }

    /// Uses another login and other certificates: see `RedisConnection.renew`.
    package func renew(_ target: RedisTarget) { client.renew(target) }

    /// The state at this moment. It has no deadline of its own but that of each command.
    package func status() async -> QueueStatus {
        switch kind {
        case .rq(let keys):
            let command = QueueProbe.rqCommand(keys)
            let slot = HashSlot(ofKey: keys.list.utf8)
            guard let reply = try? await execute(Call(command: command, slot: slot)) else { break }
            return QueueStatus(rq: reply, silenceSecondsMax: silenceSecondsMax, now: .now())
        case .stream(let partitions):
            let commands = QueueProbe.streamCommands(
                partitions, groups(Array(partitions.indices)),
                silenceSecondsMax: silenceSecondsMax)
            guard let replies = try? await execute(commands) else { break }
            return QueueStatus(partitions: replies, count: partitions.count, now: .now())
        }
        return QueueStatus()
    }

    /// Those that have the queue; none if no node of a cluster is known.
    package func nodes() async -> [Node] {
        guard case .stream(let stream) = kind else { return [Node(address: nil, partitions: [0])] }
        return await client.nodes(of: stream.indices.map(stream.slot)).map {
            Node(address: $0.address, partitions: $0.indices)
        }
    }

    /// Why there are no nodes.
    package func reason() async -> RedisFailure { .notExecuted(await client.reason()) }

    /// Whether the node would accept the next transaction.
    package func access(_ node: Node) async throws(RedisFailure) -> QueueAccess {
        let calls = QueueAccess.commands(
            kind, barrier, groups(node.partitions), features)
        let replies = try await execute(calls)
        return QueueAccess(worstOf: replies.map { QueueAccess(reply: $0, kind) })
    }

    /// The node's reply to a command of words.
    package func ask(_ words: [String], _ node: Node) async throws(RedisFailure) -> RedisReply {
        var command = RedisCommand(capacity: 48)
        command.add(words)
        return try await client.reply(to: command, at: node.address).get()
    }

    /// The partitions in groups for one call each: in a cluster each has a slot of its own.
    private func groups(_ partitions: [Int]) -> [[Int]] {
        let countMax = client.isCluster ? 1 : QueueProbe.partitionsOfCallMax
        return stride(from: 0, to: partitions.count, by: countMax).map {
            Array(partitions[$0..<min($0 + countMax, partitions.count)])
        }
    }

    /// The maximum of partitions of one call: Redis executes nothing else meanwhile.
    static let partitionsOfCallMax = 64

    /// The replies to all commands, in their order; throws if one fails.
    private func execute(
        _ commands: [Call]
    ) async throws(RedisFailure) -> [RedisReply] {
        let results = await concurrently(commands) {
            command throws(RedisFailure) in try await execute(command)
        }
        return try results.map { result throws(RedisFailure) in try result.get() }
    }

    /// Once more if Redis has forgotten its scripts (`SCRIPT FLUSH`): a new login loads them.
    private func execute(_ call: Call) async throws(RedisFailure) -> RedisReply {
        do { return try await client.reply(to: call.command, slot: call.slot).get() } catch {
            guard case .notExecuted(.server(let reply)) = error, reply.kind == .scriptUnknown else {
                throw error
            }
        }
        return try await client.reply(to: call.command, slot: call.slot).get()
    }

    // MARK: - Replies

    /// A count; nil for a reply that is no number or is negative, such as the `lag` of a group that
    /// was made with a wrong `ENTRIESREAD`.
    static func count(_ reply: RedisReply) -> Int? {
        guard case .integer(let number) = reply, number >= 0 else { return nil }
        return Int(exactly: number)
    }

    /// Whole seconds from `time` to `now`; 0 if the clock of the writer is ahead.
    static func ageSeconds(of time: UnixTime, at now: UnixTime) -> Int {
        max(0, Int(clamping: now.wholeSeconds - time.wholeSeconds))
    }

    /// The age of a stream's entry by its id, `1526919030474-55`, whose first part is the time at
    /// which Redis took it, in milliseconds since 1970.
    static func ageSeconds(ofEntry id: RedisReply, at now: UnixTime) -> Int? {
        guard case .bulk(let text) = id, let dash = text.firstIndex(of: UInt8(ascii: "-")),
            let milliseconds = UInt64(String(decoding: text[..<dash], as: UTF8.self))
        else { return nil }
        let seconds = Int(clamping: milliseconds / 1_000)
        return max(0, Int(clamping: now.wholeSeconds) - seconds)
    }
}
