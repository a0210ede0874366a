@testable import CoreAPIKit
@testable import CoreAPIRedis

/// The events of one simulation, which its seed determines: calls and faults. Times are
/// milliseconds from the start.
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
        case wrongType(Int)
        case refusedLogin(Int)
        case stall(Int)
        case lag(Int)
    }

    let kind: Kind
    let url: RedisURL
    let isJob: Bool
    let durability: SimulatedRedis.Durability
    let barrier: RedisBarrier?
    var limits = RedisLimits()
    private(set) var payments: [(time: Int, payment: SimulatedPayment)] = []
    private(set) var faults: [(time: Int, fault: Fault)] = []
    /// When everything is in order again.
    private(set) var lastFaultEnd = 0
    /// When the owner closes the connection, if before the end.
    private(set) var closesAt: Int?

    init(_ random: inout SimulationRandom) throws {
        kind = random.chance(35) ? .gentle : .rough
        url = try RedisURL(random.pick(["redis://h", "redis://h/3", "redis://u:secret@h"]))
        isJob = random.chance(50)
        barrier = random.pick([nil, nil, .replicas(1), .appendOnlyFile])
        durability = barrier != nil ? .later : random.pick([.immediately, .beforeReply])
        if kind == .rough, random.chance(30) {
            limits.pendingMax = random.integer(4...8)
            limits.backlogBytesMax = random.integer(2_000...6_000)
        }
        if kind == .rough, random.chance(15) { closesAt = random.integer(1_000...9_000) }
        choosePayments(&random)
        chooseFaults(&random)
    }

    private mutating func choosePayments(_ random: inout SimulationRandom) {
        let count = random.integer(5...12)
        var keyed: [SimulatedPayment] = []
        var time = random.integer(0...1_000)
        for index in 0..<count {
            // Some come in one turn of the loop, most do not.
            if random.chance(75) { time += random.integer(1...900) }
            if random.chance(6) {
                let ping = SimulatedPayment(
                    userID: 0, amount: 0, key: nil, retries: 0, isPing: true)
                payments.append((time, ping))
                continue
            }
            let isAgain = !keyed.isEmpty && random.chance(15)
            let earlier = isAgain ? random.pick(keyed) : nil
            // Sometimes with another amount, which is a misuse.
            let amount = earlier.map { $0.amount + (random.chance(40) ? 1 : 0) }
            let payment = SimulatedPayment(
                userID: earlier?.userID ?? random.integer(1...2), amount: amount ?? index + 1,
                key: earlier?.key ?? (random.chance(60) ? IdempotencyKey("k\(index)") : nil),
                retries: random.integer(0...3))
            if payment.key != nil { keyed.append(payment) }
            payments.append((time, payment))
        }
    }

    // MARK: - Faults

    private mutating func chooseFaults(_ random: inout SimulationRandom) {
        let first = random.integer(0...2_000)
        for _ in 0..<random.integer(kind == .gentle ? 1...3 : 1...6) {
            let time = first + random.integer(0...(kind == .gentle ? 900 : 5_000))
            add(kind == .gentle ? gentleFault(&random) : roughFault(&random), at: time)
        }
        guard kind == .rough, barrier != nil, random.chance(50) else { return }
        let time = random.integer(500...4_000)
        let crash = Fault.crash(
            downtime: random.integer(1...500), loading: 0, isSilent: false)
        if random.chance(50) {
            // A write over one connection must be confirmed over another.
            add(.cut, at: time)
            add(crash, at: time + random.integer(30...700))
        } else {
            // A barrier that is not reached in time confirms nothing, and the crash undoes it.
            add(.lag(random.integer(3_000...5_000)), at: time)
            add(crash, at: time + random.integer(2_000...3_000))
        }
    }

    private mutating func add(_ fault: Fault, at time: Int) {
        faults.append((time, fault))
        let duration =
            switch fault {
            case .cut: 0
            case .crash(let downtime, let loading, _): downtime + loading
            case .refusedConnections(let time), .swallowedConnections(let time),
                .readOnly(let time), .outOfMemory(let time), .wrongType(let time),
                .refusedLogin(let time), .stall(let time), .lag(let time):
                time
            }
        lastFaultEnd = max(lastFaultEnd, time + duration)
    }

    private func gentleFault(_ random: inout SimulationRandom) -> Fault {
        switch random.integer(0...5) {
        case 0, 1: .cut
        case 2:
            .crash(
                downtime: random.integer(1...600), loading: random.integer(0...300),
                isSilent: false)
        case 3: .readOnly(random.integer(1...900))
        case 4: .stall(random.integer(1...900))
        default: .refusedConnections(random.integer(1...900))
        }
    }

    private func roughFault(_ random: inout SimulationRandom) -> Fault {
        let duration =
            random.chance(70) ? random.integer(1...1_500) : random.integer(1_500...7_000)
        switch random.integer(0...13) {
        case 0, 1, 2: return .cut
        case 3, 4, 5:
            return .crash(
                downtime: duration, loading: random.integer(0...800), isSilent: random.chance(30))
        case 6: return .refusedConnections(duration)
        case 7: return .swallowedConnections(duration)
        case 8: return .readOnly(duration)
        case 9: return .outOfMemory(duration)
        case 10: return random.chance(50) ? .wrongType(duration) : .refusedLogin(duration)
        case 11, 12: return .stall(duration)
        default: return barrier == nil ? .stall(duration) : .lag(duration)
        }
    }
}
