import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

/// The machine of a consumer, whose waiters are numbers here.
@Suite struct ConsumerStateMachineTests {
    private typealias Machine = ConsumerStateMachine<Int>

    private func machine(prefetch: Int = 4) -> Machine {
        Machine(prefetch: prefetch, handlingMilliseconds: 1_000)
    }

    private func at(_ milliseconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1).advanced(byMilliseconds: milliseconds)
    }

    private func entries(_ ids: String...) throws -> [Machine.Entry] {
        let (amount, currency) = try (#require(Amount(1)), #require(CurrencyCode("EUR")))
        return try ids.map { id in
            Machine.Entry(
                name: DeliveryName(id: id, attempt: 1),
                transaction: try Transaction(
                    id: TransactionID(high: 1, low: 2), amount: amount, currency: currency,
                    userID: 1, createdAt: UnixTime(seconds: 1)))
        }
    }

    /// The serial number and the entry's id that a request gets at once.
    private func deliver(
        _ machine: inout Machine, _ waiter: Int = 0, now: MonotonicTime
    ) -> (serial: Int, id: String)? {
        guard case .deliver(let serial, let entry) = machine.requested(waiter, now: now) else {
            return nil
        }
        return (serial, entry.name.id)
    }

    /// Each of the waiters asks, and is to wait.
    private func wait(_ machine: inout Machine, _ waiters: Int...) {
        for waiter in waiters {
            guard case .wait = machine.requested(waiter, now: at(0)) else {
                Issue.record("\(waiter) does not wait")
                continue
            }
        }
    }

    private func keep(_ machine: inout Machine, _ milliseconds: Int) -> [String] {
        machine.keep(now: at(milliseconds)).values.map(\.id).sorted()
    }

    @Test func `entries go to the waiters, both in order`() throws {
        var machine = machine()
        wait(&machine, 1, 2)
        let handovers = machine.received(try entries("a", "b", "c"), now: at(0))
        #expect(handovers.map(\.waiter) == [1, 2])
        #expect(handovers.map(\.entry.name.id) == ["a", "b"])
        #expect(deliver(&machine, now: at(0))?.id == "c")
        wait(&machine, 3)
    }

    // MARK: - Reservations

    /// Entries of a partition have come: the ids of those that are held, and that are given back.
    private func receive(
        _ machine: inout Machine, _ partition: Int, _ ids: String...
    ) throws -> (held: [String], excess: [String]) {
        let all = try ids.flatMap { try entries($0) }
        let (admitted, excess) = machine.admit(all, of: partition)
        _ = machine.received(admitted, now: at(0))
        return (admitted.map(\.name.id), excess.map(\.name.id))
    }

    @Test func `room is kept for what reads under way may bring`() throws {
        var machine = machine(prefetch: 6)
        machine.reserve(2, for: 0)
        machine.reserve(2, for: 1)
        #expect(machine.room == 2)
        #expect(try receive(&machine, 0, "a") == (["a"], []))
        machine.release(0)
        _ = deliver(&machine, now: at(0))
        // a is held, and two may come from 1.
        #expect(machine.room == 3)
        machine.reserve(3, for: 0)
        #expect(machine.room == 0)
        #expect(try receive(&machine, 1, "b", "c") == (["b", "c"], []))
        #expect(try receive(&machine, 0, "d", "e", "f") == (["d", "e", "f"], []))
    }

    @Test func `a claim and the read behind it share one reservation`() throws {
        var machine = machine(prefetch: 4)
        machine.reserve(3, for: 0)
        machine.reserve(1, for: 1)
        #expect(try receive(&machine, 0, "a") == (["a"], []))
        #expect(try receive(&machine, 0, "b", "c") == (["b", "c"], []))
        #expect(try receive(&machine, 1, "d") == (["d"], []))
        machine.release(0)
        machine.release(1)
        #expect(machine.room == 0)
    }

    @Test func `reads that take long keep half of the prefetch, and the others get the rest`()
        throws
    {
        var machine = machine(prefetch: 5)
        for partition in 0..<5 { machine.reserve(1, for: partition) }
        machine.release(4)
        #expect(machine.room == 1)
        machine.releaseExcess(of: [0, 1, 2, 3])
        #expect(machine.room == 3)
        machine.releaseExcess(of: [0, 1, 2, 3])
        #expect(machine.room == 3, "twice is once")
        machine.reserve(3, for: 4)
        #expect(try receive(&machine, 4, "a", "b", "c") == (["a", "b", "c"], []))
        machine.release(4)
        // What comes late is held where room was kept, and given back where it was not.
        #expect(try receive(&machine, 3, "late") == ([], ["late"]))
        #expect(try receive(&machine, 0, "kept") == (["kept"], []))
        #expect(try receive(&machine, 2, "later") == ([], ["later"]))
        #expect(try receive(&machine, 1, "kept too") == (["kept too"], []))
    }

    @Test func `with a prefetch of one no read that takes long keeps room`() throws {
        var machine = machine(prefetch: 1)
        machine.reserve(1, for: 0)
        #expect(machine.room == 0)
        machine.releaseExcess(of: [0])
        #expect(machine.room == 1)
        // Without another delivery in hand, there is room nevertheless.
        #expect(try receive(&machine, 0, "late") == (["late"], []))
        machine.release(0)
        #expect(machine.room == 0)
    }

    /// Any order of reads, late answers and settlements.
    @Test(arguments: UInt64(0)..<200)
    func `no more is ever held than the prefetch`(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let prefetch = Int.random(in: 1...20, using: &random)
        var machine = machine(prefetch: prefetch)
        var reads: [Int: Int] = [:]
        var held: [Int] = []
        for step in 0..<300 {
            switch Int.random(in: 0...3, using: &random) {
            case 0:
                let partition = Int.random(in: 0...9, using: &random)
                guard machine.room > 0, reads[partition] == nil else { continue }
                let count = Int.random(in: 1...machine.room, using: &random)
                machine.reserve(count, for: partition)
                reads[partition] = count
            case 1:
                guard let (partition, count) = reads.randomElement(using: &random) else { continue }
                let ids = (0..<Int.random(in: 0...count, using: &random)).map { "\(step)-\($0)" }
                let (admitted, excess) = machine.admit(
                    try ids.flatMap { try entries($0) }, of: partition)
                #expect(admitted.count + excess.count == ids.count)
                _ = machine.received(admitted, now: at(0))
                machine.release(partition)
                reads[partition] = nil
            case 2: machine.releaseExcess(of: reads.keys.sorted())
            default:
                if let next = deliver(&machine, now: at(0)) { held.append(next.serial) }
                if let serial = held.popLast(), Bool.random(using: &random) {
                    machine.settled(serial)
                }
            }
            #expect(machine.keep(now: at(0)).count <= prefetch, "seed \(seed)")
        }
    }

    @Test func `no more is fetched than may be held, and half of that together`() throws {
        var machine = machine(prefetch: 4)
        #expect(machine.room == 4)
        _ = machine.received(try entries("a", "b", "c"), now: at(0))
        // One more would come alone.
        #expect(machine.room == 0)
        let first = try #require(deliver(&machine, now: at(0)))
        #expect(machine.room == 0, "taken is not settled")
        machine.settled(first.serial)
        #expect(machine.room == 2)
        machine.settled(first.serial)
        #expect(machine.room == 2, "twice is once")
        _ = machine.received(try entries("d", "e"), now: at(0))
        #expect(machine.room == 0)
        _ = machine.received(try entries("f"), now: at(0))
        #expect(machine.room == 0, "more has come than there was room for")
    }

    @Test func `an entry is fetched at once when the buffer is empty`() throws {
        var machine = machine(prefetch: 4)
        wait(&machine, 1, 2, 3)
        _ = machine.received(try entries("a", "b", "c"), now: at(0))
        #expect(machine.room == 1)
    }

    @Test func `the lease of a held delivery is extended until it is settled or held for too long`()
        throws
    {
        var machine = machine()
        _ = machine.received(try entries("a", "b"), now: at(0))
        let first = try #require(deliver(&machine, now: at(600)))
        #expect(keep(&machine, 999) == ["a", "b"])
        // b is in the buffer since 0, a with a handler since 600.
        #expect(keep(&machine, 1_000) == ["a"])
        #expect(deliver(&machine, now: at(1_000)) == nil, "b is dropped")
        #expect(keep(&machine, 1_600).isEmpty)
        #expect(machine.isHeld(first.serial), "the handler may still acknowledge")
        #expect(!machine.isKept(first.serial), "and do nothing else")
        machine.settled(first.serial)
        #expect(!machine.isHeld(first.serial))
    }

    @Test func `an entry that another consumer has claimed is neither delivered nor extended`()
        throws
    {
        var machine = machine()
        _ = machine.received(try entries("a", "b"), now: at(0))
        let first = try #require(deliver(&machine, now: at(0)))
        let kept = machine.keep(now: at(1))
        let lost = machine.lost(kept.keys)
        #expect(lost == 2)
        let again = machine.lost(kept.keys)
        #expect(again == 1, "b is not there any more")
        #expect(deliver(&machine, now: at(2)) == nil)
        #expect(machine.isHeld(first.serial) && !machine.isKept(first.serial))
    }

    @Test func `an entry that comes again is another delivery`() throws {
        var machine = machine()
        _ = machine.received(try entries("a"), now: at(0))
        let first = try #require(deliver(&machine, now: at(0)))
        _ = machine.keep(now: at(1_000))
        _ = machine.received(try entries("a"), now: at(1_001))
        let second = try #require(deliver(&machine, now: at(1_001)))
        #expect(first.id == second.id && first.serial != second.serial)
        machine.settled(first.serial)
        #expect(machine.isKept(second.serial))
        #expect(keep(&machine, 1_002) == ["a"])
    }

    @Test func `a consumer that stops delivers nothing, gives back, and ends when all is settled`()
        throws
    {
        var machine = machine()
        _ = machine.received(try entries("a", "b"), now: at(0))
        let first = try #require(deliver(&machine, now: at(0)))
        machine.stopped()
        machine.stopped()
        #expect(machine.room == 0 && !machine.isRunning)
        wait(&machine, 1)
        // The reply to the last command is given back too.
        let handovers = machine.received(try entries("c"), now: at(0))
        #expect(handovers.isEmpty)
        let givenBack = machine.takeBuffer().map(\.name.id)
        #expect(givenBack == ["b", "c"])
        let told = machine.ended()
        #expect(told == [1])
        #expect(!machine.isFinished)
        #expect(keep(&machine, 1) == ["a"], "handlers go on")
        machine.settled(first.serial)
        #expect(machine.isFinished)
        guard case .end = machine.requested(2, now: at(0)) else {
            Issue.record("not the end")
            return
        }
    }

    @Test func `the first failure ends it for everybody, and is kept`() throws {
        var machine = machine()
        wait(&machine, 1, 2)
        let refused = ConsumerError.refused(.server(RedisServerError(message: "NOPERM x")))
        let isFirst = machine.failed(refused)
        let isNews = machine.failed(.refused(.closed))
        #expect(isFirst && !isNews)
        #expect(!machine.isRunning && machine.room == 0)
        let told = machine.ended()
        #expect(told == [1, 2])
        #expect(machine.failure == refused)
        guard case .end = machine.requested(3, now: at(0)) else {
            Issue.record("not the end")
            return
        }
        #expect(machine.isFinished)
        // A stop that comes late changes nothing.
        machine.stopped()
        #expect(machine.isFinished)
    }

    @Test func `a failure at the end is known too`() {
        var machine = machine()
        machine.stopped()
        let told = machine.ended()
        #expect(told.isEmpty && machine.failure == nil)
        let isNews = machine.failed(.refused(.closed))
        #expect(isNews && machine.failure == .refused(.closed) && machine.isFinished)
    }

    @Test func `an entry that was removed from the stream is delivered, and not extended`() throws {
        var machine = machine()
        _ = machine.received(try entries("a", "b"), now: at(0))
        let first = try #require(deliver(&machine, now: at(0)))
        machine.removed(machine.keep(now: at(1)).keys)
        #expect(keep(&machine, 2).isEmpty)
        #expect(machine.isHeld(first.serial) && !machine.isKept(first.serial))
        #expect(deliver(&machine, now: at(3))?.id == "b")
    }

    @Test func `a delivery is held until it is settled`() throws {
        var machine = machine()
        _ = machine.received(try entries("a"), now: at(0))
        let first = try #require(deliver(&machine, now: at(0)))
        #expect(!machine.isProcessed(first.serial))
        machine.processed(first.serial)
        #expect(machine.isProcessed(first.serial) && machine.isKept(first.serial))
        machine.settled(first.serial)
        #expect(!machine.isProcessed(first.serial))
        machine.processed(first.serial)
        #expect(!machine.isHeld(first.serial))
    }
}

/// The linear congruential generator of Knuth's MMIX: the same numbers for the same seed.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        var result: UInt64 = 0
        for _ in 0..<2 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            result = result << 32 | state >> 32
        }
        return result
    }
}
