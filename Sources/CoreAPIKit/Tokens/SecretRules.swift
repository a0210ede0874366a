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

    /// Whether the bytes are white space, invisible characters and zero bytes alone, in UTF-8 or
    /// in Latin-1. Trailing zero bytes do not change an HMAC key, so a space and a zero byte are
    /// the key of one space.
    package static func isBlank(_ bytes: some Collection<UInt8>) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return bytes.allSatisfy { isBlank(Unicode.Scalar($0)) }
        }
        return text.unicodeScalars.allSatisfy(isBlank)
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || scalar.properties.isDefaultIgnorableCodePoint
            || invisible.contains(scalar.value)
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

    /// PEM (RFC 7468 §2), SSH's public keys (RFC 4716 §3.3, RFC 4253 §6.6), JWK (RFC 7517 §4.1);
    /// last, what is the same in the base64 of all public keys of RSA, of NIST's curves and of
    /// Ed25519 (RFC 5280 §4.1), which some show without the lines of PEM around it.
    private static let keyMarks = [
        "-----BEGIN", "-----END", "---- BEGIN", "---- END", "ssh-rsa AAAA", "ssh-ed25519 AAAA",
        "ecdsa-sha2-nistp", "\"kty\"",
        "BgkqhkiG9w0BAQEFAAOC", "GCSqGSIb3DQEBAQUAA4", "YHKoZIzj0CAQY", "ByqGSM49AgEG",
        "MCowBQYDK2VwAyEA",
    ]

    /// Scalars that nobody sees, though Unicode neither counts them as white space nor as
    /// ignorable: zero, the separators of ASCII, the empty pattern of Braille.
    private static let invisible: Set<UInt32> = [0, 0x1C, 0x1D, 0x1E, 0x1F, 0x2800]
}
