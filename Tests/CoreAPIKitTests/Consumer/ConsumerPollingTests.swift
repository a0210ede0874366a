import CoreAPIBase
import Testing

@testable import CoreAPIKit
@testable import CoreAPIRedis

/// The looks and rounds in which the partitions of a cluster are polled.
@Suite(.timeLimit(.minutes(10))) struct ConsumerPollingTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func after(_ milliseconds: Int) -> MonotonicTime {
        start.advanced(byMilliseconds: milliseconds)
    }

    /// Claims are due at the start, and then after a second.
    private func polling(_ count: Int, claimsOfScan: Int = 2) -> ConsumerPolling {
        ConsumerPolling(
            count, claimMilliseconds: 1_000, claimsOfScan: claimsOfScan, now: start)
    }

    /// The reply to a look that finds the entry; nil for none.
    private func reply(_ id: String?) -> Result<RedisReply, RedisFailure> {
        .success(.array(id.map { [.array([.bulk(Array($0.utf8)), .array([])])] } ?? []))
    }

    /// A look at all partitions that are not being looked at.
    private func look(
        _ polling: ConsumerPolling, at time: MonotonicTime, finds ids: [String?]
    ) {
        for look in polling.takeLook(now: time) {
            polling.looked(at: look.partition, reply(ids[look.partition]))
        }
    }

    /// Polling whose first claims are done, of partitions that are empty.
    private func claimed(_ count: Int) -> ConsumerPolling {
        let polling = polling(count)
        look(polling, at: start, finds: [String?](repeating: nil, count: count))
        for turn in polling.take(room: count, now: start) { polling.read(turn.partition, .nothing) }
        return polling
    }

    private func partitions(_ turns: [ConsumerPolling.Turn]) -> [Int] { turns.map(\.partition) }

    @Test func `a round asks for no more than there is room, and the next goes on behind it`() {
        let polling = claimed(5)
        look(polling, at: after(25), finds: ["1-1", "1-1", "1-1", "1-1", "1-1"])
        var seen: [Int] = []
        for _ in 0..<5 {
            let turns = polling.take(room: 2, now: after(25))
            #expect(turns.map(\.countMax) == [1, 1])
            seen += partitions(turns)
            for turn in turns { polling.read(turn.partition, .entries(last: "1-1")) }
        }
        #expect(seen == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
    }

    @Test func `the room is divided among few partitions`() {
        let polling = claimed(4)
        look(polling, at: after(25), finds: ["1-1", nil, "1-1", "1-1"])
        let turns = polling.take(room: 17, now: after(25))
        #expect(partitions(turns) == [0, 2, 3])
        #expect(turns.map(\.countMax) == [5, 5, 5])
    }

    @Test func `a partition is read until it has nothing, and again once a look finds more`() {
        let polling = claimed(2)
        look(polling, at: after(25), finds: [nil, "5-0"])
        for last in ["5-0", "6-0"] {
            #expect(partitions(polling.take(room: 9, now: after(26))) == [1])
            polling.read(1, .entries(last: last))
        }
        #expect(partitions(polling.take(room: 9, now: after(26))) == [1])
        polling.read(1, .nothing)
        #expect(polling.take(room: 9, now: after(26)) == [])
        #expect(polling.pause(now: after(30)) == 20)
        #expect(polling.takeLook(now: after(49)).isEmpty)
        #expect(polling.takeLook(now: after(50)).map(\.after) == ["0-0", "6-0"])
        polling.looked(at: 1, reply("7-0"))
        #expect(polling.pause(now: after(50)) == 0)
        #expect(partitions(polling.take(room: 9, now: after(50))) == [1])
    }

    @Test func `entries that other consumers have are not looked at again`() {
        let polling = claimed(1)
        look(polling, at: after(25), finds: ["5-0"])
        _ = polling.take(room: 1, now: after(25))
        polling.read(0, .nothing)
        #expect(polling.takeLook(now: after(50)).map(\.after) == ["5-0"])
    }

    @Test func `an entry that comes during a read that finds nothing is read`() {
        let polling = claimed(1)
        look(polling, at: after(25), finds: ["5-0"])
        _ = polling.take(room: 1, now: after(25))
        look(polling, at: after(50), finds: ["6-0"])
        polling.read(0, .nothing)
        #expect(partitions(polling.take(room: 1, now: after(50))) == [0])
        polling.read(0, .entries(last: "6-0"))
        _ = polling.take(room: 1, now: after(50))
        polling.read(0, .nothing)
        #expect(polling.takeLook(now: after(75)).map(\.after) == ["6-0"])
    }

    @Test func `a group that is made again is read from the first entry on`() {
        let polling = claimed(1)
        look(polling, at: after(25), finds: ["5-0"])
        _ = polling.take(room: 1, now: after(25))
        polling.read(0, .joined)
        #expect(polling.take(room: 1, now: after(25)) == [])
        #expect(polling.takeLook(now: after(50)).map(\.after) == ["0-0"])
    }

    @Test func `a partition whose node does not answer a look holds up no others`() async {
        let polling = claimed(2)
        look(polling, at: after(25), finds: ["5-0", "5-0"])
        #expect(polling.takeLook(now: after(50)).count == 2)
        polling.looked(at: 1, reply("5-0"))
        // Ends by its time.
        await polling.answers()
        #expect(partitions(polling.take(room: 9, now: after(100))) == [1])
        polling.read(1, .nothing)
        #expect(polling.takeLook(now: after(100)).map(\.partition) == [1])
        polling.looked(at: 1, reply(nil))
        await polling.answers()
        #expect(polling.take(room: 9, now: after(100)) == [])
        polling.looked(at: 0, reply("5-0"))
        #expect(partitions(polling.take(room: 9, now: after(100))) == [0])
    }

    @Test func `a failed look is tried again, and an error of the key is that of a read`() {
        let polling = claimed(2)
        #expect(polling.takeLook(now: after(25)).count == 2)
        polling.looked(at: 0, .failure(.mayBeExecuted(.timedOut)))
        let error = RedisServerError(message: "WRONGTYPE Operation against a key")
        polling.looked(at: 1, .failure(.notExecuted(.server(error))))
        #expect(partitions(polling.take(room: 9, now: after(25))) == [1])
        polling.read(1, .failed)
        #expect(polling.take(room: 9, now: after(25)) == [])
        #expect(polling.takeLook(now: after(50)).count == 2)
    }

    @Test func `a read without an answer is known, and awaited at the end`() async {
        let polling = claimed(2)
        look(polling, at: after(25), finds: ["5-0", "5-0"])
        #expect(partitions(polling.take(room: 2, now: after(25))) == [0, 1])
        polling.read(1, .nothing)
        await polling.answers()
        #expect(polling.unanswered == [0])
        look(polling, at: after(50), finds: ["5-0", "5-0"])
        #expect(partitions(polling.take(room: 2, now: after(50))) == [1])
        polling.read(1, .nothing)
        async let end: Void = polling.end()
        polling.read(0, .nothing)
        await end
        #expect(polling.unanswered == [])
    }

    @Test func `after a slow look there is a short pause nevertheless`() {
        #expect(claimed(1).pause(now: after(10)) == 15)
        #expect(claimed(1).pause(now: after(500)) == 5)
    }

    @Test func `claims are due at the start, then once in a period, spread over it`() {
        let polling = polling(4)
        func claimed(at milliseconds: Int) -> [Int] {
            look(polling, at: after(milliseconds), finds: [nil, nil, nil, nil])
            let turns = polling.take(room: 9, now: after(milliseconds))
            for turn in turns { polling.read(turn.partition, .nothing) }
            #expect(turns.allSatisfy { $0.scans != nil })
            return partitions(turns)
        }
        #expect(claimed(at: 0) == [0, 1, 2, 3])
        #expect(claimed(at: 999) == [])
        #expect(claimed(at: 1_100) == [0])
        #expect(claimed(at: 1_300) == [1])
        #expect(claimed(at: 1_800) == [2, 3])
        #expect(claimed(at: 2_100) == [0])
    }

    @Test func `some claims of each partition scan other consumers`() {
        let polling = polling(3, claimsOfScan: 3)
        var scans: [[Int]] = []
        for period in 0..<6 {
            let time = after(2_000 * period)
            look(polling, at: time, finds: [nil, nil, nil])
            let turns = polling.take(room: 3, now: time)
            for turn in turns { polling.read(turn.partition, .nothing) }
            scans.append(turns.filter { $0.scans == true }.map(\.partition))
        }
        #expect(scans == [[0], [2], [1], [0], [2], [1]])
    }

    @Test func `what is given back is claimed before anything new is read`() throws {
        let polling = claimed(1)
        look(polling, at: after(25), finds: ["5-0"])
        #expect(polling.take(room: 1, now: after(25)).map(\.scans) == [nil])
        polling.read(0, .entries(last: "5-0"), claimsSoon: true)
        let turn = try #require(polling.take(room: 1, now: after(25)).first)
        #expect(turn.scans != nil)
    }
}
