import Testing

@testable import CoreAPIKit

@Suite struct StreamIDTests {
    @Test func `an id is two numbers, and has a successor`() throws {
        func id(_ text: String) -> StreamID? { StreamID(Array(text.utf8).span) }
        let id0 = try #require(id("1526919030474-55"))
        #expect(id0.milliseconds == 1_526_919_030_474)
        #expect(id0.sequence == 55)
        #expect(id0.next.text == "1526919030474-56")
        #expect(id("0-0")?.next.text == "0-1")
        #expect(id("7-9223372036854775807")?.next.text == "8-0")
        for wrong in ["", "-", "1", "1-", "-1", "1-2-3", "a-1", "1-b", "9223372036855-0"] {
            #expect(id(wrong) == nil, "\(wrong)")
        }
    }
}
