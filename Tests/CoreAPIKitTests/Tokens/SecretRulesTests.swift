import CoreAPIKit
import Testing

/// The values that are refused as secrets, by the library as by the server.
@Suite struct SecretRulesTests {
    /// The error of each way to give the library a secret: they are the same.
    private func errors(_ secret: [UInt8]) -> Set<SecretError?> {
        func error(_ body: () throws(SecretError) -> Void) -> SecretError? {
            do {
                try body()
                return nil
            } catch { return error }
        }
        return [
            error { () throws(SecretError) in _ = try HMACTokenVerifier(secret: secret) },
            error { () throws(SecretError) in
                _ = try HMACTokenVerifier(secrets: [Array("other".utf8), secret])
            },
            error { () throws(SecretError) in _ = try TokenIssuer(secret: secret) },
        ]
    }

    @Test(arguments: [
        " ", "\t", "\r", "\n", "\u{0B}", "\u{0C}", "\r\n", " \t\r\n\u{0B}\u{0C} ", "\u{1F}",
        "\u{85}", "\u{A0}", "\u{1680}", "\u{2000}", "\u{200A}", "\u{2028}", "\u{2029}",
        "\u{202F}", "\u{205F}", "\u{3000}", "\u{200B}", "\u{2060}", "\u{FEFF}",
        "\u{FEFF} \u{A0}\t", " \0", "\0 ", String(repeating: " ", count: 100),
        "\u{AD}", "\u{180E}", "\u{200E}", "\u{2064}", "\u{2800}", "\u{3164}", "\u{FE0F}",
        "\u{E0020}",
    ])
    func `white space alone is no secret`(secret: String) {
        #expect(errors(Array(secret.utf8)) == [.whiteSpace])
        #expect(throws: SecretError.whiteSpace) { try TokenIssuer(secret: secret) }
        #expect(throws: SecretError.whiteSpace) { try HMACTokenVerifier(secret: secret) }
    }

    @Test(arguments: [1, 2, 32, 64, 65])
    func `zero bytes alone are no secret`(count: Int) {
        #expect(errors([UInt8](repeating: 0, count: count)) == [.zeroBytes])
    }

    @Test(arguments: [
        "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----", "-----BEGIN",
        "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", "\r\n-----BEGIN X",
        "\u{FEFF}-----BEGIN CERTIFICATE-----", " \t\u{A0}-----END EC PRIVATE KEY-----",
        "MCowBQYDK2Vw\n-----END PUBLIC KEY-----", "---- BEGIN SSH2 PUBLIC KEY ----",
        "{\"kty\": \"RSA\", \"n\": \"…\"}", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ me@host",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPq me", "restrict ecdsa-sha2-nistp256 AAAAE2Vj",
    ])
    func `a key in PEM or JWK, or a part of one, is no secret`(secret: String) {
        #expect(errors(Array(secret.utf8)) == [.key])
    }

    @Test(arguments: [
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCdYMGYKIFD8mCDIU+qjfw4ILBM",
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAkERENCZHIk2UWIK1yn2w",
        "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAtauJNxCQ9hLI/JYoPaUH",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEACuT3sq9iHypR3b0IzmwuqoUE84r",
        "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEfVT3hORid6bn4CrCopMLKJXjAtX2P9Iw",
        "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBclVwe9kf62xBe5iPUi2nQ/YQj5bD",
        "MCowBQYDK2VwAyEAOPWli0k61Uc5uc9OGPj1EX5P/FUyIalNQrCVrrkZgKI=",
    ])
    func `a public key without PEM's lines is refused as a secret`(secret: String) {
        #expect(errors(Array(secret.utf8)) == [.key])
    }

    @Test func `white space in Latin-1 is no secret`() {
        #expect(errors([UInt8](repeating: 0xA0, count: 32)) == [.whiteSpace])
        #expect(errors([0x20, 0xA0, 0x85, 0xAD, 0x09, 0]) == [.whiteSpace])
    }

    @Test(arguments: ["s", "secret", " secret ", "\0s", "s\0", "# s", "\u{FEFF}s", "----BEGIN"])
    func `anything else is a secret, white space around it included`(secret: String) {
        #expect(errors(Array(secret.utf8)) == [nil])
    }

    @Test func `a secret may be bytes that are not UTF-8`() {
        #expect(errors([0xFF]) == [nil])
    }

    @Test func `each error has a description`() {
        let all: [SecretError] = [.empty, .missing, .tooMany, .whiteSpace, .zeroBytes, .key]
        #expect(Set(all.map(\.description)).count == all.count)
    }
}
