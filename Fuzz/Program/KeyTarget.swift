@testable internal import CoreAPIKit

/// The value of an `Idempotency-Key` field: an accepted value is a key in one of two forms.
enum KeyTarget {
    static func run(_ bytes: [UInt8]) {
        let around = [UInt8](repeating: UInt8(ascii: "\""), count: 2)
        let key = IdempotencyKey(field: 0..<bytes.count, bytes.span)
        // The field is judged where it lies, between the other bytes of a head.
        let within = IdempotencyKey(field: 2..<(2 + bytes.count), (around + bytes + around).span)
        demand(within == key, "the bytes around a key matter")
        guard let key else {
            demand(!isBareKey(bytes), "a bare key is refused")
            return
        }
        let text = Array(key.description.utf8)
        demand(IdempotencyKey.lengthBounds.contains(text.count), "a key of \(text.count) bytes")
        demand(text.allSatisfy { 0x21...0x7E ~= $0 }, "a key that is not visible: \(text)")
        demand(parse(quoted(text)) == key, "quoted it is another key")
        if text.first != UInt8(ascii: "\"") {
            demand(parse(text) == key, "bare it is another key")
        }
        demand(bytes == text || bytes == quoted(text), "a key has a third form")
    }

    private static func isBareKey(_ bytes: [UInt8]) -> Bool {
        IdempotencyKey.lengthBounds.contains(bytes.count)
            && bytes.allSatisfy { 0x21...0x7E ~= $0 } && bytes.first != UInt8(ascii: "\"")
    }

    private static func parse(_ bytes: [UInt8]) -> IdempotencyKey? {
        IdempotencyKey(field: 0..<bytes.count, bytes.span)
    }

    /// As a string of structured fields (RFC 8941 §4.1.6).
    private static func quoted(_ text: [UInt8]) -> [UInt8] {
        let quote = UInt8(ascii: "\"")
        let backslash = UInt8(ascii: "\\")
        let escaped = text.flatMap { $0 == quote || $0 == backslash ? [backslash, $0] : [$0] }
        return [quote] + escaped + [quote]
    }
}
