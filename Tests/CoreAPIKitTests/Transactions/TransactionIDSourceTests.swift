import Testing

@testable import CoreAPIKit

@Suite struct TransactionIDSourceTests {
    @Test func `identities are random UUIDs of version 4 and differ`() async {
        let source = TransactionIDSource()
        let identities = await withTaskGroup(of: [TransactionID].self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<1_000).map { _ in source.next() } }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(identities).count == 4_000)
        for identity in identities {
            #expect(TransactionID(identity.description) == identity)
        }
    }

    @Test func `two sources have nothing in common`() {
        let (one, other) = (TransactionIDSource(), TransactionIDSource())
        let first = Set((0..<100).map { _ in one.next() })
        #expect(first.isDisjoint(with: (0..<100).map { _ in other.next() }))
    }
}
