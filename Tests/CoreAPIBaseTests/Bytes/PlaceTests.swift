import Testing

@testable import CoreAPIBase

@Suite struct PlaceTests {
    @Test(arguments: [
        ("redis://host", "redis", "host"), ("://", "", ""), ("a://b://c", "a", "b://c"),
        ("ä€://😀", "ä€", "😀"), (":/://x", ":/", "x"),
    ])
    func `words are found where they stand first`(text: String, before: String, after: String)
        throws
    {
        let place = try #require(text.place(of: "://"))
        #expect(text[..<place.lowerBound] == before)
        #expect(text[place.upperBound...] == after)
        let part = "x\(text)"[...].dropFirst()
        #expect(part.place(of: "://").map { String(part[$0.upperBound...]) } == after)
    }

    @Test(arguments: ["", ":", ":/", ": //", "a:/b/"])
    func `words that are not there have no place`(text: String) {
        #expect(text.place(of: "://") == nil)
    }
}
