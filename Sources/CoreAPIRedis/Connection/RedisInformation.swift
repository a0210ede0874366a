/// Parses the sections of Redis's `INFO` that tell whether Redis can accept writes: lines
/// `name:value`. A value that is missing or malformed is nil.
package struct RedisInformation: Equatable, Sendable {
    /// Whether the server is a replica.
    package private(set) var isReplica: Bool?
    /// Names an uninterrupted time of the data set under one master (`master_replid`).
    package private(set) var replicationID: String?
    /// Whether the server is a node of a Redis Cluster.
    package private(set) var isClusterNode: Bool?
    /// Whether the server writes an append-only file.
    package private(set) var hasAppendOnlyFile: Bool?
    /// Whether the last write to the append-only file failed, so that Redis refuses all writes.
    package private(set) var cannotAppend: Bool?
    /// Number of attached replicas.
    package private(set) var replicas: Int?
    /// Number of online replicas whose last report is at most `replicaLagSecondsMax` old.
    package private(set) var replicasInTouch = 0
    /// Number of replicas that count for `min-replicas-to-write`; nil without that setting.
    private var replicasGood: Int?
    private var replicasNeeded: Int?
    /// Whether the last snapshot failed.
    private var snapshotFailed: Bool?
    private var stopsAtFailedSnapshot: Bool?
    private var takesSnapshots: Bool?
    /// The eviction policy at `maxmemory`: `noeviction`, `allkeys-lru`, …
    package private(set) var evictionPolicy: String?
    private var maxMemory: Int?
    private var usedMemory: Int?
    private var uncountedMemory: Int?

    /// A replica reports its offset every second, so a lag above this limit means lost contact.
    package static let replicaLagSecondsMax = 5
    /// The sections of `INFO` to request.
    package static let sections = ["replication", "persistence", "memory", "cluster"]
    /// Longest eviction policy; Redis has no longer one.
    private static let valueBytesMax = 32

    package init() {}

    /// Parses the lines of a section.
    package mutating func add(_ section: [UInt8]) {
        for line in section.split(whereSeparator: { $0 == 13 || $0 == 10 }) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = line[(colon + 1)...]
            add(
                String(decoding: line[..<colon], as: UTF8.self),
                String(decoding: value, as: UTF8.self))
        }
    }

    private mutating func add(_ name: String, _ value: String) {
        switch name {
        case "role": isReplica = value == "slave" || value == "replica"
        case "master_replid":
            if value.utf8.count <= 64 { replicationID = value }
        case "cluster_enabled": isClusterNode = RedisInformation.isSet(value)
        case "aof_enabled": hasAppendOnlyFile = RedisInformation.isSet(value)
        case "aof_last_write_status": cannotAppend = value != "ok"
        case "rdb_last_bgsave_status": snapshotFailed = value != "ok"
        case "connected_slaves": replicas = RedisInformation.count(value)
        case "min_slaves_good_slaves": replicasGood = RedisInformation.count(value)
        case "maxmemory": maxMemory = RedisInformation.count(value)
        case "used_memory": usedMemory = RedisInformation.count(value)
        case "mem_not_counted_for_evict": uncountedMemory = RedisInformation.count(value)
        case "maxmemory_policy":
            let isWord = value.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz-".utf8.contains($0) }
            guard isWord, value.utf8.count <= RedisInformation.valueBytesMax else { return }
            evictionPolicy = value
        default: if isReplicaInTouch(name, value) { replicasInTouch += 1 }
        }
    }

    /// `slave0:ip=127.0.0.1,port=6380,state=online,offset=14,lag=1`.
    private func isReplicaInTouch(_ name: String, _ value: String) -> Bool {
        guard name.hasPrefix("slave"), Int(name.dropFirst("slave".count)) != nil else {
            return false
        }
        let parts = value.split(separator: ",")
        let lag = parts.first { $0.hasPrefix("lag=") }.flatMap { Int($0.dropFirst("lag=".count)) }
        return parts.contains("state=online")
            && 0...RedisInformation.replicaLagSecondsMax ~= lag ?? -1
    }

    // MARK: - Settings

    /// The settings to request by `CONFIG GET`, because `INFO` does not decide the question.
    package var settingsWanted: [String] {
        (replicasGood == nil ? [] : [Setting.replicas.rawValue])
            + (snapshotFailed == true ? [Setting.stop.rawValue, Setting.save.rawValue] : [])
    }

    private enum Setting: String {
        case replicas = "min-replicas-to-write"
        case stop = "stop-writes-on-bgsave-error"
        case save
    }

    /// Parses the reply to `CONFIG GET`: a name and a value.
    package mutating func add(setting reply: RedisReply) {
        guard case .array(let parts) = reply, parts.count == 2, case .bulk(let name) = parts[0],
            case .bulk(let bytes) = parts[1]
        else { return }
        let value = String(decoding: bytes, as: UTF8.self)
        switch Setting(rawValue: String(decoding: name, as: UTF8.self)) {
        case .replicas: replicasNeeded = RedisInformation.count(value)
        case .stop: stopsAtFailedSnapshot = value == "yes"
        case .save: takesSnapshots = !value.isEmpty
        case nil: break
        }
    }

    /// Whether fewer replicas are in touch than `min-replicas-to-write` requires, which is at least
    /// one.
    package var hasTooFewReplicas: Bool? { replicasGood.map { $0 < replicasNeeded ?? 1 } }

    /// Whether Redis refuses writes until a snapshot succeeds (`stop-writes-on-bgsave-error`).
    package var stopsWrites: Bool {
        snapshotFailed == true && stopsAtFailedSnapshot == true && takesSnapshots == true
    }

    // MARK: - Numbers

    private static func isSet(_ value: String) -> Bool? { count(value).map { $0 > 0 } }

    /// Parses a non-negative number.
    private static func count(_ value: String) -> Int? {
        Int(value).flatMap { $0 >= 0 ? $0 : nil }
    }

    /// Whether Redis is at `maxmemory` with the policy `noeviction`, so that it refuses writes.
    package var isFull: Bool? {
        guard let maxMemory, let usedMemory, let evictionPolicy else { return nil }
        guard maxMemory > 0, evictionPolicy == "noeviction" else { return false }
        // `maxmemory` does not count the buffers of replicas and of the append-only file (`INFO`).
        let counted = usedMemory.subtractingReportingOverflow(uncountedMemory ?? 0)
        return !counted.overflow && counted.partialValue > maxMemory
    }

    /// Whether the eviction policy may delete transactions that a 200 has confirmed.
    package var evicts: Bool { evictionPolicy.map { $0 != "noeviction" } ?? false }
}
