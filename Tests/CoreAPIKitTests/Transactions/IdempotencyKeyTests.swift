import Testing

@testable import CoreAPIKit
@testable import CoreAPIRedis

/// draft-ietf-httpapi-idempotency-key-header-07, and RFC 8941 §3.3.3 for the string.
@Suite struct IdempotencyKeyTests {
    private func key(_ field: String) -> String? {
        let bytes = Array("Idempotency-Key: \(field)".utf8)
        let key = IdempotencyKey(field: 17..<bytes.count, bytes.span)?.description
        #expect(IdempotencyKey(fieldValue: field)?.description == key)
        return key
    }

    @Test(arguments: [
        ("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("\"a\\\"b\\\\c\"", "a\"b\\c"), ("a\"b", "a\"b"), ("a,b;c", "a,b;c"), ("~", "~"),
        ("!", "!"),
    ])
    func `a key is a quoted string, or bare`(field: String, expected: String) {
        #expect(key(field) == expected)
    }

    @Test(arguments: [
        "", "\"\"", "\"", "\"a", "\"a\"b", "\"a\";p=1", "\"a\" ", "\"a b\"", "a b", "\"a\\b\"",
        "\"a\\\"",
        "ä", "\"ä\"", "a\u{7F}", "a\tb",
    ])
    func `any other text is nil`(field: String) {
        #expect(key(field) == nil)
    }

    @Test func `a key has 1 to 255 characters, not counting quotes and escapes`() {
        let longest = String(repeating: "k", count: 255)
        #expect(key(longest) == longest)
        #expect(key("\"\(longest)\"") == longest)
        #expect(key(longest + "k") == nil)
        #expect(key("\"\(longest)k\"") == nil)
        let escaped = String(repeating: "\\\\", count: 255)
        #expect(key("\"\(escaped)\"") == String(repeating: "\\", count: 255))
        #expect(IdempotencyKey("") == nil)
        #expect(IdempotencyKey("two words") == nil)
        #expect(IdempotencyKey("k") == IdempotencyKey("k"))
    }

    @Test func `a transaction's id is read from its text, and from no other`() {
        for _ in 0..<100 {
            let id = TransactionID.random()
            #expect(TransactionID(id.description) == id)
            #expect(
                TransactionID(id.description.uppercased()) == nil
                    || !id.description.contains { $0.isLetter })
        }
        for text in [
            "", "f47ac10b-58cc-4372-a567-0e02b2c3d47", "f47ac10b-58cc-1372-a567-0e02b2c3d479",
            "f47ac10b-58cc-4372-a567-0e02b2c3d47g", "f47ac10b58cc-4372-a567-0e02-b2c3d479",
            "f47ac10b-58cc-4372-c567-0e02b2c3d479", "------------------------------------",
        ] { #expect(TransactionID(text) == nil) }
    }

    @Test func `a script's digest is the SHA-1 that Redis computes`() {
        #expect(
            RedisScript("return 1", keys: 0, arguments: 0).digest
                == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
    }
}
