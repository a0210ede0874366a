import Testing

@testable import CoreAPIBase

@Suite struct Base64URLTests {
    private func decode(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        return Base64URL.decode(0..<bytes.count, of: bytes.span)
    }

    /// The test vectors of RFC 4648 §10, without padding.
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
        ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
    ])
    func `the vectors of RFC 4648 hold in both directions`(plain: String, encoded: String) {
        #expect(decode(encoded) == Array(plain.utf8))
        #expect(
            String(decoding: Base64URL.encode(Array(plain.utf8).span), as: UTF8.self) == encoded)
    }

    @Test func `every byte survives at every position`() {
        for byte in UInt8.min...UInt8.max {
            for bytes in [[byte], [0, byte], [0xFF, 0, byte], [byte, 0xFF, 0x10, byte]] {
                let encoded = Base64URL.encode(bytes.span)
                #expect(Base64URL.decode(0..<encoded.count, of: encoded.span) == bytes)
            }
        }
    }

    /// Whole groups are stored at once: a longer buffer keeps what is behind the value.
    @Test func `every length is decoded into a buffer of its size and of more`() {
        for length in 0..<70 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 * 7 + 200) }
            let encoded = Base64URL.encode(bytes.span)
            for spare in [0, 1, 2, 3, 40] {
                var buffer = [UInt8](repeating: 0xEE, count: length + spare)
                var output = buffer.mutableSpan
                #expect(Base64URL.decode(0..<encoded.count, of: encoded.span, into: &output))
                #expect(Array(buffer[..<length]) == bytes, "\(length) and \(spare)")
                // The store of the last group may touch one byte.
                #expect(buffer.dropFirst(length + 1).allSatisfy { $0 == 0xEE })
            }
            for index in encoded.indices {
                var wrong = encoded
                wrong[index] = UInt8(ascii: ".")
                #expect(Base64URL.decode(0..<wrong.count, of: wrong.span) == nil)
            }
        }
    }

    @Test(arguments: [
        "A", "AAAAA", "Zg==", "Zm8=", "Zm9v+", "Zm9v/", "Zm 9", "Zm\n9", "Zm9é", "Zm9.", "*",
    ])
    func `padding, other alphabets, white space and impossible lengths are refused`(text: String) {
        #expect(decode(text) == nil)
    }

    @Test func `a value has one spelling: unused bits are zero (RFC 4648 §3.5)`() {
        #expect(decode("Zg") == [0x66])
        for spelling in ["Zh", "Zi", "Zv", "Zm9", "Zm-", "Zm_"] { #expect(decode(spelling) == nil) }
    }
}
