import Testing

@testable import CoreAPIHTTP

@Suite struct ConnectionCountTests {
    @Test func `connections are served to the bound, then refused to another, then dropped`() {
        let count = ConnectionCount(servedMax: 2, refusedMax: 1)
        #expect(count.admit() == .served)
        #expect(count.admit() == .served)
        #expect(count.admit() == .refused)
        #expect(count.admit() == .dropped)
        count.ended(.dropped)
        #expect(count.admit() == .dropped)
        count.ended(.refused)
        #expect(count.admit() == .refused)
        count.ended(.served)
        #expect(count.admit() == .served)
        #expect(count.admit() == .dropped)
    }

    @Test func `many threads together are admitted to the bound, and no further`() async {
        let count = ConnectionCount(servedMax: 700, refusedMax: 100)
        let admissions = await withTaskGroup(of: [ConnectionCount.Admission].self) { group in
            for _ in 0..<10 { group.addTask { (0..<100).map { _ in count.admit() } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(admissions.count { $0 == .served } == 700)
        #expect(admissions.count { $0 == .refused } == 100)
    }
}
