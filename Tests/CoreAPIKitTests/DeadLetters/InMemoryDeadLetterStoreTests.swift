import CoreAPIBase
import CoreAPIKit
import Synchronization
import Testing

@Suite struct InMemoryDeadLetterStoreTests {
    private func letter(_ id: Int, _ reason: String) -> DeadLetter {
        DeadLetter(
            id: "\(id)", transactionID: "t\(id)", reason: reason,
            diedAt: UnixTime(seconds: Int64(id)), attempts: 1)
    }

    @Test func `letters are counted, read and put back as in Redis`() async throws {
        let requeued = Mutex<[String]>([])
        let store = InMemoryDeadLetterStore { letter in
            requeued.withLock { $0.append(letter.transactionID) }
        }
        for id in 1...5 { store.add(letter(id, id % 2 == 0 ? "even" : "odd")) }
        #expect(try await store.count() == 5)
        let page = try await store.page(after: nil, reason: nil, limit: 2)
        #expect(page.letters.map(\.id) == ["5", "4"] && page.examined == 2)
        let rest = try await store.page(after: page.next, reason: "odd", limit: 9)
        #expect(rest.letters.map(\.id) == ["3", "1"] && rest.next == nil)
        #expect(rest.examined == 3)
        let reasons = try await store.reasons()
        #expect(reasons.counts.map(\.reason) == ["odd", "even"] && reasons.examined == 5)
        #expect(reasons.counts[0].count == 3 && reasons.counts[0].oldest?.wholeSeconds == 1)
        #expect(try await store.letter("4")?.reason == "even")
        #expect(try await store.perform(.remove, on: "4"))
        #expect(try await store.perform(.requeue, on: "4") == false)
        let step = try await store.perform(.requeue, onReason: "odd", after: nil)
        #expect(step == DeadLetterStep(count: 3, next: nil))
        #expect(requeued.withLock { $0 } == ["t1", "t3", "t5"])
        #expect(try await store.count() == 1)
    }
}
