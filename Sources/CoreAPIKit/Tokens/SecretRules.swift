/// What is never a secret, wherever it stands: text that gets into a secret's place by a slip, and
/// that others know or guess.
package enum SecretRules {
    /// Throws why the bytes are no secret. Bytes that pass may still be too few.
    package static func check(_ secret: [UInt8]) throws(SecretError) {
        guard !secret.isEmpty else { throw .empty }
        guard !secret.allSatisfy({ $0 == 0 }) else { throw .zeroBytes }
        guard !isBlank(secret) else { throw .whiteSpace }
        guard !hasKey(secret) else { throw .key }
    }

    /// Whether the bytes are white space, invisible characters and zero bytes alone. Trailing zero
    /// bytes do not change an HMAC key, so a space and a zero byte are the key of one space.
    package static func isBlank(_ bytes: some Collection<UInt8>) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isWhitespace || invisible.contains(scalar.value)
        }
    }

    /// Whether the bytes have a line of a key in PEM, or a member that each JSON Web Key has.
    ///
    /// The mark is looked for at any place: whatever stands before it, such as white space, a byte
    /// order mark, a quote or a line end of another system, does not make a secret of it.
    package static func hasKey(_ bytes: [UInt8]) -> Bool {
        keyMarks.contains { mark in
            bytes.indices.contains { bytes[$0...].starts(with: mark.utf8) }
        }
    }

    /// PEM (RFC 7468 §2), SSH's public keys (RFC 4716 §3.3), JWK (RFC 7517 §4.1).
    private static let keyMarks = [
        "-----BEGIN", "-----END", "---- BEGIN", "---- END", "\"kty\"",
    ]

    /// Scalars that nobody sees, though Unicode does not count them as white space: zero, the
    /// separators of ASCII, zero-width spaces and joiners, and the byte order mark.
    private static let invisible: Set<UInt32> = [
        0, 0x1C, 0x1D, 0x1E, 0x1F, 0x180E, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF,
    ]
}
