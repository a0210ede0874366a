import Testing

@testable import CoreAPIBase

@Suite struct FirstRangeTests {
    @Test(arguments: [
        ("redis://host", "redis", "host"), ("://", "", ""), ("a://b://c", "a", "b://c"),
        ("ä€://😀", "ä€", "😀"), (":/://x", ":/", "x"),
    ])
    func `the first range of the words is returned`(text: String, before: String, after: String)
        throws
    {
        let range = try #require(text.firstRange(ofASCII: "://"))
        #expect(text[..<range.lowerBound] == before)
        #expect(text[range.upperBound...] == after)
        let part = "x\(text)"[...].dropFirst()
        #expect(part.firstRange(ofASCII: "://").map { String(part[$0.upperBound...]) } == after)
    }

    @Test(arguments: ["", ":", ":/", ": //", "a:/b/"])
    func `a text without the words has no range`(text: String) {
        #expect(text.firstRange(ofASCII: "://") == nil)
    }
}
