import Testing

@testable import CoreAPIHTTP

@Suite struct ByteSetTests {
    @Test(arguments: [0, 1, 63, 64, 127] as [UInt8])
    func `a set of one byte has that byte alone`(member: UInt8) {
        let set = ByteSet { $0 == member }
        for byte in UInt8.min...UInt8.max { #expect(set.contains(byte) == (byte == member)) }
    }

    @Test func `the set of all has every ASCII byte and no other`() {
        let set = ByteSet { _ in true }
        for byte in UInt8.min...UInt8.max { #expect(set.contains(byte) == (byte < 128)) }
    }

    @Test(arguments: [(0..<7, 3), (0..<3, 3), (4..<7, 7), (3..<7, 3), (5..<5, 5)])
    func `members end at the first other byte, or with the range`(range: Range<Int>, end: Int) {
        let bytes = Array("abc-def".utf8)
        let letters = ByteSet { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 }
        #expect(letters.end(in: range, of: bytes.span) == end)
    }
}
