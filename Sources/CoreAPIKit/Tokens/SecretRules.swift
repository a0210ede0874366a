/// Rules that refuse bytes configured as a secret by mistake, which others know or can guess.
package enum SecretRules {
    /// Throws if the bytes cannot be a secret. The length is checked elsewhere.
    package static func check(_ secret: [UInt8]) throws(SecretError) {
        guard !secret.isEmpty else { throw .empty }
        guard !secret.allSatisfy({ $0 == 0 }) else { throw .zeroBytes }
        guard !isBlank(secret) else { throw .whiteSpace }
        guard !hasKey(secret) else { throw .key }
    }

    /// Whether the bytes are only white space, invisible characters and zero bytes, in UTF-8 or
    /// Latin-1. Trailing zero bytes do not change an HMAC key: a space and a zero byte give the
    /// same key as a space.
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

    /// Whether the bytes contain a line of a PEM key or a member of every JSON Web Key.
    ///
    /// The search covers every position: white space, a byte order mark, a quote or a foreign line
    /// end may precede the mark.
    package static func hasKey(_ bytes: [UInt8]) -> Bool {
        keyMarks.contains { mark in
            bytes.indices.contains { bytes[$0...].starts(with: mark.utf8) }
        }
    }

    /// Marks of PEM (RFC 7468 §2), SSH public keys (RFC 4716 §3.3, RFC 4253 §6.6) and JWK (RFC 7517
    /// §4.1). The last marks are the common base64 of public keys of RSA, NIST curves and Ed25519
    /// (RFC 5280 §4.1), which some tools print without PEM's lines.
    private static let keyMarks = [
        "-----BEGIN", "-----END", "---- BEGIN", "---- END", "ssh-rsa AAAA", "ssh-ed25519 AAAA",
        "ecdsa-sha2-nistp", "\"kty\"",
        "BgkqhkiG9w0BAQEFAAOC", "GCSqGSIb3DQEBAQUAA4", "YHKoZIzj0CAQY", "ByqGSM49AgEG",
        "MCowBQYDK2VwAyEA",
    ]

    /// Invisible scalars that Unicode counts neither as white space nor as ignorable: zero, the
    /// ASCII separators, the blank Braille pattern.
    private static let invisible: Set<UInt32> = [0, 0x1C, 0x1D, 0x1E, 0x1F, 0x2800]
}
