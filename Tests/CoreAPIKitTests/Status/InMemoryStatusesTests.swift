import CoreAPIBase
import Testing

@testable import CoreAPIKit

/// How long the statuses in memory are kept.
@Suite struct InMemoryStatusesTests {
    private func transaction() throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(1)),
            currency: try #require(CurrencyCode("USD")), userID: 1, createdAt: time(0))
    }

    private func time(_ seconds: Int64) -> UnixTime { UnixTime(seconds: 1_800_000_000 + seconds) }

    @Test func `a status is kept for its time after its last change`() throws {
        var statuses = InMemoryStatuses(seconds: 10, countMax: 100)
        let (changed, unchanged) = (try transaction(), try transaction())
        statuses.set(changed, .queued, now: time(0))
        statuses.set(unchanged, .queued, now: time(0))
        statuses.set(changed, .processing, attempts: 1, now: time(9))
        #expect(statuses[unchanged.id, time(9)]?.state == .queued)
        #expect(statuses[unchanged.id, time(10)] == nil)
        #expect(statuses[changed.id, time(10)]?.state == .processing)
        statuses.set(changed, .processed, now: time(18))
        #expect(statuses[changed.id, time(27)]?.state == .processed)
        #expect(statuses[changed.id, time(27)]?.attempts == 1)
        #expect(statuses[changed.id, time(28)] == nil)
        // A change of one that is not kept any more begins anew.
        statuses.set(changed, .failed, now: time(40))
        #expect(statuses[changed.id, time(49)]?.attempts == 0)
    }

    @Test func `beyond the limit the oldest is not kept`() throws {
        var statuses = InMemoryStatuses(seconds: 10, countMax: 2)
        let all = try (0..<3).map { _ in try transaction() }
        for transaction in all { statuses.set(transaction, .queued, now: time(0)) }
        #expect(all.map { statuses[$0.id, time(1)] != nil } == [false, true, true])
    }

    @Test func `without a time none is kept`() throws {
        var statuses = InMemoryStatuses(seconds: 0, countMax: 2)
        let transaction = try transaction()
        statuses.set(transaction, .queued, now: time(0))
        #expect(statuses[transaction.id, time(0)] == nil)
    }
}
