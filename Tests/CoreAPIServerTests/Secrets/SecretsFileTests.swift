import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIServer

/// `JWT_SECRET_FILE`: which bytes of a file are secrets, and which files are refused.
@Suite struct SecretsFileTests {
    private static let a = "a: a secret of tests"
    private static let b = "b: a secret of tests"

    private func parse(_ text: String) throws(SecretsFileError) -> [String] {
        try SecretsFile.parse(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        arguments: [
            (a, [a]), ("\(a)\n", [a]), ("\(a)\n\(b)", [a, b]), ("\(a)\r\n\(b)\r\n", [a, b]),
            ("\n\n\(a)\n\n\(b)\n\n", [a, b]), (" \(a) \n\t\(b)", [" \(a) ", "\t\(b)"]),
            (" \n\(a)\n\t\r\n\r\n\u{0B}\u{0C}\n\u{A0}\u{3000}\n", [a]),
            ("                    \n\(a)\n", [a]),
            ("# a comment of 16 bytes\n\(a)", [a]), (" \t# a comment of 16 bytes\n\(a)", [a]),
            ("#\n\(a)", [a]), ("# -----BEGIN PUBLIC KEY-----\n\(a)", [a]),
            ("\\#\(a)", ["#\(a)"]), ("\\\\\(a)", ["\\\(a)"]), ("\\\\#\(a)", ["\\#\(a)"]),
            ("\\\(a)", ["\\\(a)"]), ("a\\#\(a)", ["a\\#\(a)"]), ("a#\(a)", ["a#\(a)"]),
            ("\u{FEFF}\(a)\n\(b)", [a, b]), ("\u{FEFF}\r\n\(a)", [a]),
            ("\u{FEFF}# a comment of 16 bytes\n\(a)", [a]), ("\u{FEFF}\\#\(a)", ["#\(a)"]),
            ("\(a)\n\u{FEFF}\(b)", [a, b]), ("\u{FEFF}\u{FEFF}\(a)", [a]),
            ("a\0\(a)", ["a\0\(a)"]), ("\(a)\n\(a)\n", [a, a]),
            ("0123456789abcdef", ["0123456789abcdef"]),
            (
                (1...8).map { "\($0)\(a)\n" }.joined(),
                (1...8).map { "\($0)\(a)" }
            ),
        ] as [(String, [String])])
    func `a secret is its whole line, without line end and byte order mark`(
        text: String, secrets: [String]
    ) throws {
        #expect(try parse(text) == secrets)
    }

    @Test func `a secret in a file is bytes, and need not be UTF-8`() throws {
        let secret = [UInt8](repeating: 0xC3, count: 16)
        #expect(try SecretsFile.parse(secret + [0x0A]) == [secret])
    }

    @Test(arguments: [
        "", "\n", "\n\n\n", " ", "\t", "\r", "\r\n", " \t \n\r\n", "\u{A0}", "\u{FEFF}",
        "\u{FEFF}\n", "# only a comment of more than 16 bytes\n", "\u{2028}\u{200B}",
        "                                        ",
    ])
    func `a file of white space and comments has no secret`(text: String) {
        #expect(throws: SecretsFileError.noSecret) { try parse(text) }
    }

    @Test(arguments: [
        ("hunter2", 1), ("\(a)\nhunter2\n", 2), ("\n\r\n# c\n\(a)\nhunter2", 5),
        ("\(a)\nhunter2\n-\n", 2), ("0123456789abcde", 1), ("\\#123456789abcde", 1),
        ("\u{FEFF}0123456789abcde\r\n", 1),
        // As a key, the same as the one letter.
        ("a\(String(repeating: "\0", count: 40))", 1),
    ])
    func `a line of fewer than 16 bytes is refused by its number, and not shown`(
        text: String, line: Int
    ) {
        #expect(throws: SecretsFileError.short(line: line)) { try parse(text) }
        let error = SecretsFileError.short(line: line)
        #expect(error.description.hasPrefix("line \(line) has fewer than 16 bytes"))
    }

    @Test(arguments: [
        ("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw\n-----END PUBLIC KEY-----\n", 1),
        ("-----BEGIN RSA PRIVATE KEY-----\r\nMCowBQYDK2Vw\r\n", 1),
        ("\u{FEFF}-----BEGIN CERTIFICATE-----", 1), (" \t-----END PUBLIC KEY-----", 1),
        ("\(a)\n\n-----END PUBLIC KEY-----", 3), ("short\n\(a)\n-----END X-----", 3),
        ("\u{A0}-----BEGIN X", 1), ("\\-----BEGIN PUBLIC KEY-----", 1),
        ("\"-----BEGIN PUBLIC KEY-----\\nMCow\"", 1), ("\(a)\r-----BEGIN PUBLIC KEY-----", 1),
        ("---- BEGIN SSH2 PUBLIC KEY ----", 1),
        ("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"…\",\"e\":\"AQAB\"}]}", 1),
    ])
    func `a key's file or line is refused and named, wherever it stands`(text: String, line: Int) {
        #expect(throws: SecretsFileError.notSecret(line: line, .key)) { try parse(text) }
        let error = SecretsFileError.notSecret(line: line, .key)
        #expect(error.description.contains("line \(line) is no secret: it is a key in PEM"))
    }

    @Test func `zero bytes alone are no secret, and white space with zero bytes neither`() {
        let zero = String(repeating: "\0", count: 40)
        #expect(throws: SecretsFileError.notSecret(line: 2, .zeroBytes)) {
            try parse("\(Self.a)\n\(zero)\n")
        }
        #expect(throws: SecretsFileError.notSecret(line: 1, .whiteSpace)) {
            try parse(" \t" + zero)
        }
    }

    @Test(arguments: [
        [0xFF, 0xFE], [0xFE, 0xFF], [0xFF, 0xFE, 0, 0], [0, 0, 0xFE, 0xFF],
        [0xFF, 0xFE, 0x61, 0x00, 0x0A, 0x00],
    ])
    func `a file in UTF-16 or UTF-32 is refused`(bytes: [UInt8]) {
        #expect(throws: SecretsFileError.encoding) { try SecretsFile.parse(bytes) }
        #expect(SecretsFileError.encoding.description.contains("UTF-16"))
    }

    @Test func `a file with too much is refused`() {
        #expect(throws: SecretsFileError.tooMany(9)) {
            try parse(String(repeating: "\(Self.a)\n", count: 9))
        }
        let most = String(repeating: "a", count: SecretsFile.bytesMax)
        #expect(throws: Never.self) { try parse(most) }
        #expect(throws: SecretsFileError.tooLarge) { try parse(most + "a") }
    }

    @Test func `only a file that is not there, or is no file yet, may pass by waiting`() {
        let away: [SecretsFileError] = [
            .unreadable(SystemError(code: 2, call: "open")), .notRegular,
        ]
        for error in away { #expect(error.mayPass) }
        let lasting: [SecretsFileError] = [
            .tooLarge, .encoding, .noSecret, .tooMany(9), .notSecret(line: 1, .key),
            .short(line: 1),
        ]
        for error in lasting { #expect(!error.mayPass) }
    }
}
