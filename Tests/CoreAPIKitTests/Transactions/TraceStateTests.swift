import CoreAPIKit
import Testing

/// W3C Trace Context, Level 2, §3.3. The cases are those of the specification's test suite, written
/// anew.
@Suite struct TraceStateTests {
    @Test(arguments: [
        ("foo=1", "foo=1"), ("foo=1,bar=2", "foo=1,bar=2"),
        // Optional white space: spaces and tabs.
        ("foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3"),
        ("foo=1\t \t,\t \tbar=2,\t \tbaz=3", "foo=1,bar=2,baz=3"),
        (" foo=1", "foo=1"), ("\tfoo=1", "foo=1"), ("foo=1 ", "foo=1"), ("foo=1\t", "foo=1"),
        // Empty members.
        ("foo=1,", "foo=1"), (",foo=1", "foo=1"), ("foo=1,,,bar=2, ,", "foo=1,bar=2"),
        // A key twice: both stay.
        ("foo=1,foo=1", "foo=1,foo=1"), ("foo=1,foo=2", "foo=1,foo=2"),
        // Spaces within a value are its own.
        ("foo=a b", "foo=a b"),
        ("0t@z=1", "0t@z=1"), ("a/b*c-d_e=1", "a/b*c-d_e=1"),
    ])
    func `a valid value is kept, without white space between its members`(
        text: String, expected: String
    ) throws {
        #expect(TraceState(text)?.description == expected)
    }

    @Test(arguments: [
        "", " ", ",", " , ,", "foo", "foo=", "=1", "foo=,bar=3", "foo =1", "FOO=1", "foo.bar=1",
        "foo@=1,bar=2", "@foo=1,bar=2", "foo@@bar=1", "foo@bar@baz=1", "foo=bar=baz", "0foo=1",
        "foo@0bar=1", "foo=\u{7}", "foo=é", "foo=1;bar=2=3", "foo=1\n", "føø=1",
    ])
    func `an invalid value is nil, as one without members`(text: String) {
        #expect(TraceState(text) == nil)
    }

    @Test func `keys and values are bounded`() {
        let letter = { (count: Int) in String(repeating: "z", count: count) }
        for valid in [
            "\(letter(256))=1", "\(letter(241))@\(letter(14))=1", "t=\(letter(256))",
        ] {
            #expect(TraceState(valid)?.description == valid)
        }
        for invalid in [
            "\(letter(257))=1", "\(letter(242))@v=1", "t@\(letter(15))=1", "t=\(letter(257))",
        ] {
            #expect(TraceState(invalid) == nil)
        }
    }

    @Test func `every allowed character is kept`() throws {
        let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
        let bytes = (UInt8(0x21)...0x7E).filter {
            $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=")
        }
        let value = String(decoding: bytes, as: UTF8.self)
        for text in ["\(key)=\(value)", "\(key)@a-z0-9_-*/=\(value)"] {
            #expect(TraceState(text)?.description == text)
        }
    }

    @Test func `32 members are valid, 33 are not`() {
        let members = { (count: Int) in (0..<count).map { "bar\($0)=\($0)" } }
        let most = members(32).joined(separator: ",")
        #expect(TraceState(most)?.description == most)
        #expect(TraceState(members(33).joined(separator: ",")) == nil)
        #expect(TraceState(members(32).joined(separator: ",,") + ",")?.description == most)
    }

    @Test func `of more than 512 bytes, long members go first, then the last ones`() throws {
        let long = "long=" + String(repeating: "x", count: 200)
        let short = (10..<32).map { "k\($0)=" + String(repeating: "y", count: 15) }
        #expect(short.joined(separator: ",").utf8.count == 22 * 20 - 1)
        let state = try #require(TraceState(([long] + short).joined(separator: ",")))
        #expect(state.description == short.joined(separator: ","))
        let many = (10..<42).map { "k\($0)=" + String(repeating: "y", count: 15) }
        let kept = try #require(TraceState(many.joined(separator: ",")))
        #expect(kept.description == many.prefix(25).joined(separator: ","))
        #expect(kept.description.utf8.count <= TraceState.bytesMax)
        let exact =
            "a=" + String(repeating: "x", count: 253) + ",b="
            + String(
                repeating: "x", count: 254)
        #expect(exact.utf8.count == 512 && TraceState(exact)?.description == exact)
    }
}
