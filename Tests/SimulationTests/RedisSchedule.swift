@testable import CoreAPIRedis

/// What will happen in one simulation, as its seed has chosen it: which commands come when, and
/// what goes wrong. Times are milliseconds from the beginning.
struct RedisSchedule {
    enum Kind {
        /// One outage, shorter than a command's timeout: no caller may fail.
        case gentle
        /// Anything.
        case rough
    }

    enum Fault {
        case cut
        case crash(downtime: Int, loading: Int, isSilent: Bool)
        case refusedConnections(Int)
        case swallowedConnections(Int)
        case readOnly(Int)
        case outOfMemory(Int)
        case refusedLogin(Int)
        case stall(Int)
        case flushedScripts
    }

    struct Call {
        let time: Int
        let isPing: Bool
        /// Comes when all is in order again, and must succeed.
        var isProbe = false
    }

    let kind: Kind
    let url: RedisURL
    let isOnDemand: Bool
    var limits = RedisLimits()
    private(set) var calls: [Call] = []
    private(set) var faults: [(time: Int, fault: Fault)] = []
    /// When everything is in order again.
    private(set) var lastFaultEnd = 0
    /// When the owner closes the connection, if before the end.
    private(set) var closesAt: Int?

    init(_ random: inout SimulationRandom) throws {
        // A connection on demand fails its commands whenever it breaks.
        isOnDemand = random.chance(20)
        kind = !isOnDemand && random.chance(40) ? .gentle : .rough
        url = try RedisURL(random.pick(["redis://h", "redis://h/3", "redis://u:secret@h"]))
        if kind == .rough, random.chance(30) {
            limits.pendingMax = random.integer(4...8)
            limits.backlogBytesMax = random.integer(300...1_000)
        }
        chooseFaults(&random)
        chooseCalls(&random)
    }

    private mutating func chooseCalls(_ random: inout SimulationRandom) {
        var time = random.integer(0...1_000)
        for _ in 0..<random.integer(5...20) {
            // Some come in one turn of the loop, most do not.
            if random.chance(70) { time += random.integer(1...700) }
            calls.append(Call(time: time, isPing: random.chance(6)))
        }
        if kind == .rough, random.chance(15) {
            closesAt = random.integer(1_000...9_000)
            return
        }
        calls += [6_000, 6_001, 12_000].map {
            Call(time: lastFaultEnd + $0, isPing: false, isProbe: true)
        }
    }

    // MARK: - Faults

    private mutating func chooseFaults(_ random: inout SimulationRandom) {
        let first = random.integer(0...2_000)
        for _ in 0..<random.integer(kind == .gentle ? 1...3 : 1...6) {
            let time = first + random.integer(0...(kind == .gentle ? 900 : 5_000))
            add(kind == .gentle ? gentleFault(&random) : roughFault(&random), at: time)
        }
    }

    private mutating func add(_ fault: Fault, at time: Int) {
        faults.append((time, fault))
        let duration =
            switch fault {
            case .cut, .flushedScripts: 0
            case .crash(let downtime, let loading, _): downtime + loading
            case .refusedConnections(let time), .swallowedConnections(let time),
                .readOnly(let time), .outOfMemory(let time), .refusedLogin(let time),
                .stall(let time):
                time
            }
        lastFaultEnd = max(lastFaultEnd, time + duration)
    }

    private func gentleFault(_ random: inout SimulationRandom) -> Fault {
        switch random.integer(0...6) {
        case 0, 1: .cut
        case 2:
            .crash(
                downtime: random.integer(1...600), loading: random.integer(0...300),
                isSilent: false)
        case 3: .readOnly(random.integer(1...900))
        case 4: .stall(random.integer(1...900))
        case 5: .flushedScripts
        default: .refusedConnections(random.integer(1...900))
        }
    }

    private func roughFault(_ random: inout SimulationRandom) -> Fault {
        let duration =
            random.chance(70) ? random.integer(1...1_500) : random.integer(1_500...7_000)
        switch random.integer(0...13) {
        case 0, 1, 2: return .cut
        case 3, 4, 5:
            // A peer that is gone would fail the next command over a connection on demand.
            return .crash(
                downtime: duration, loading: random.integer(0...800),
                isSilent: !isOnDemand && random.chance(30))
        case 6: return .refusedConnections(duration)
        case 7: return .swallowedConnections(duration)
        case 8: return .readOnly(duration)
        case 9: return .outOfMemory(duration)
        case 10: return .refusedLogin(duration)
        case 11 where !isOnDemand: return .flushedScripts
        default: return .stall(duration)
        }
    }
}
