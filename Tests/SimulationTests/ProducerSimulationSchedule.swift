@testable import CoreAPIRedis

/// What happens in one life of a simulated producer.
struct ProducerSimulationSchedule {
    enum Kind: CaseIterable {
        /// Short outages of the network alone: nobody notices.
        case gentle
        /// Failovers to lagging replicas and back, crashes, and masters that are frozen meanwhile.
        case losses
        /// As `losses`, and earlier masters come back as they were.
        case splits
        /// Somebody flushes Redis or writes to the session's key, or the session is evicted, and
        /// nothing else is lost.
        case removals
        /// All of this but removals, and Redis refuses messages.
        case refusals
    }

    enum Fault: CaseIterable {
        case cut, freeze, lag, crash, failover, failoverAndBack, comeback, flush, evict, refuse
        /// Foreign content at the keys of the sessions.
        case overwrite
        case deny, refuseLogin, jump
    }

    struct Message: SimulatedMessage {
        let id: String
        let key: String?
        let time: Int
        let isProbe: Bool
    }

    let kind: Kind
    let url: RedisURL
    /// The same Redis with another password, if it has one.
    let renewedURL: RedisURL
    /// When the connection is renewed.
    private(set) var renewals: [Int] = []
    /// Whether the queue has a limit, which refuses messages.
    let isLimited: Bool
    var messages: [Message] = []
    var faults: [(time: Int, Fault)] = []
    var limits = ProducerLimits()
    let barrier: RedisBarrier?
    /// Whether confirmed messages are kept for longer than the faults last.
    let keepsAll: Bool
    /// When the owner closes the connection, if before the end.
    private(set) var closesAt: Int?

    /// When the last fault is surely over.
    static let faultsEnd = 30_000

    init(_ random: inout SimulationRandom) throws {
        kind = random.pick(Kind.allCases)
        let urls = random.pick([
            ("redis://h", "redis://h"), ("redis://u:secret@h/3", "redis://u:renewed@h/3"),
        ])
        (url, renewedURL) = (try RedisURL(urls.0), try RedisURL(urls.1))
        isLimited = random.chance(40)
        barrier = random.chance(30) ? .replicas(1) : nil
        limits.batchMax = random.pick([1, 3, 8])
        limits.batchesInFlightMax = random.pick([1, 2, 8])
        keepsAll = random.chance(90)
        limits.historyMilliseconds = keepsAll ? 90_000 : random.integer(0...2_000)
        var time = 0
        let count = random.integer(10...90)
        let isKeyed = random.pick([0, 20, 60])
        for number in 0..<count {
            if random.chance(40) { time += random.integer(1...600) }
            let key = random.chance(isKeyed) ? "key-\(random.integer(0...(count * 2)))" : nil
            messages.append(Message(id: "m\(number)", key: key, time: time, isProbe: false))
        }
        let choices: [Fault] =
            switch kind {
            case .gentle: [.cut]
            case .losses:
                [
                    .cut, .freeze, .lag, .crash, .failover, .failoverAndBack, .deny, .refuseLogin,
                    .jump,
                ]
            case .splits: [.cut, .freeze, .lag, .crash, .failover, .comeback, .jump]
            case .removals: [.cut, .freeze, .lag, .flush, .evict, .overwrite, .jump]
            case .refusals:
                [.cut, .freeze, .crash, .failover, .refuse, .refuse, .deny, .refuseLogin, .jump]
            }
        for _ in 0..<random.integer(1...8) {
            // Many come while a message is on its way.
            let time =
                random.chance(50)
                ? random.pick(messages).time + random.integer(0...20)
                : random.integer(0...max(time, 1_000))
            faults.append((time, random.pick(choices)))
        }
        for _ in 0..<random.pick([0, 0, 1, 4]) {
            let isBusy = random.chance(70)
            renewals.append(
                isBusy
                    ? random.pick(messages).time + random.integer(0...20)
                    : random.integer(0...max(time, 1_000)))
        }
        if kind != .gentle, random.chance(10) {
            closesAt = random.integer(500...12_000)
            return
        }
        let end = ProducerSimulationSchedule.faultsEnd
        for (index, time) in [end + 10_000, end + 20_000, 310_000].enumerated() {
            messages.append(Message(id: "probe\(index)", key: nil, time: time, isProbe: true))
        }
    }
}
