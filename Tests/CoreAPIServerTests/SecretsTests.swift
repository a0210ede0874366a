import CoreAPIKit
import Foundation
import Testing

@testable import CoreAPIServer

/// `JWT_SECRET` and `JWT_SECRET_FILE`: what they may hold, and when a change counts.
@Suite struct SecretsTests {
    // MARK: - The file

    private func parse(_ text: String) throws(SecretsFileError) -> [String] {
        try SecretsFile.parse(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        arguments: [
            ("a", ["a"]), ("a\n", ["a"]), ("a\nb", ["a", "b"]), ("a\nb\n", ["a", "b"]),
            ("\n\na\n\nb\n\n", ["a", "b"]), (" a \n\tb", [" a ", "\tb"]),
            ("# a\nb", ["# a", "b"]), ("a\r\nb\r\n", ["a\r", "b\r"]), ("a\0b\n", ["a\0b"]),
            ("a\na\n", ["a", "a"]),
            ("1\n2\n3\n4\n5\n6\n7\n8\n", ["1", "2", "3", "4", "5", "6", "7", "8"]),
        ] as [(String, [String])])
    func `a secret is all of its line, and empty lines are passed over`(
        text: String, secrets: [String]
    ) throws {
        #expect(try parse(text) == secrets)
    }

    @Test func `a secret in a file is bytes, and need not be UTF-8`() throws {
        #expect(try SecretsFile.parse([0xFF, 0x0A, 0xC3, 0x28]) == [[0xFF], [0xC3, 0x28]])
    }

    @Test func `a file without a secret, or with too much, is refused`() {
        for text in ["", "\n", "\n\n\n"] {
            #expect(throws: SecretsFileError.noSecret) { try parse(text) }
        }
        #expect(throws: SecretsFileError.tooMany(9)) {
            try parse(String(repeating: "a\n", count: 9))
        }
        let most = String(repeating: "a", count: SecretsFile.bytesMax)
        #expect(throws: Never.self) { try parse(most) }
        #expect(throws: SecretsFileError.tooLarge) { try parse(most + "a") }
    }

    @Test func `only a regular file is read, and no more of it than there may be`() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "core-api-secrets-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "secrets").path
        func read(_ path: String) throws(SecretsFileError) -> [[UInt8]] {
            try SecretsFile(path: path).read()
        }
        #expect(throws: SecretsFileError.unreadable(SystemError(code: ENOENT, call: "open"))) {
            try read(path)
        }
        #expect(throws: SecretsFileError.notRegular) { try read(folder.path) }
        #expect(throws: SecretsFileError.notRegular) { try read("/dev/zero") }
        // Nobody writes into it: it is refused, and not waited for.
        try #require(unsafe mkfifo(path, 0o600) == 0)
        #expect(throws: SecretsFileError.notRegular) { try read(path) }
        try FileManager.default.removeItem(atPath: path)
        try Data("new\nold\n".utf8).write(to: URL(filePath: path))
        #expect(try read(path) == [Array("new".utf8), Array("old".utf8)])
        try Data(repeating: 0x61, count: SecretsFile.bytesMax * 3).write(to: URL(filePath: path))
        #expect(throws: SecretsFileError.tooLarge) { try read(path) }
    }

    // MARK: - The environment

    private func configuration(
        _ variables: [String: String]
    ) throws(ConfigurationError) -> SecretsConfiguration {
        try SecretsConfiguration(EnvironmentReader { variables[$0].map { Array($0.utf8) } })
    }

    @Test func `one of the two variables is needed, and both are an error that shows neither`()
        throws
    {
        #expect(try configuration(["JWT_SECRET": "a\nb"]).secrets == [Array("a\nb".utf8)])
        for (variables, words) in [
            ([:], ["JWT_SECRET ", "JWT_SECRET_FILE"]),
            (["JWT_SECRET": "", "JWT_SECRET_FILE": ""], ["JWT_SECRET ", "JWT_SECRET_FILE"]),
            (["JWT_SECRET": "hunter2", "JWT_SECRET_FILE": "/hunter3"], ["give one of the two"]),
            (["JWT_SECRET_FILE": "hunter2"], ["JWT_SECRET_FILE", "No such file", "each line"]),
        ] as [([String: String], [String])] {
            do {
                _ = try configuration(variables)
                Issue.record("accepted")
            } catch {
                for word in words { #expect(error.description.contains(word), "\(error)") }
                #expect(!error.description.contains("hunter"))
            }
        }
    }

    @Test func `what is suspicious is warned about, and not shown`() {
        let long = [UInt8](repeating: 0x61, count: 32)
        #expect(SecretsConfiguration.warnings([long, long], inFile: true).isEmpty)
        let short = SecretsConfiguration.warnings([long, Array("hunter2".utf8)], inFile: true)
        #expect(short.count == 1)
        #expect(short.first?.hasPrefix("secret 2 of JWT_SECRET_FILE can be guessed") == true)
        let carriageReturn = SecretsConfiguration.warnings([long + [0x0D]], inFile: true)
        #expect(carriageReturn.count == 1)
        #expect(carriageReturn.first?.contains("ends in white space") == true)
        #expect(SecretsConfiguration.warnings([[0x61, 0x0A]], inFile: false).count == 2)
    }

    // MARK: - When a change counts

    private let old = [[UInt8]("old".utf8)]
    private let both = [[UInt8]("new".utf8), [UInt8]("old".utf8)]
    private let new = [[UInt8]("new".utf8)]

    @Test func `a change counts once two looks have found the same`() {
        var reload = SecretsReload(inUse: old)
        #expect(reload.looked(.success(old)) == .nothing)
        #expect(reload.looked(.success(both)) == .nothing)
        #expect(reload.looked(.success(new)) == .nothing)
        #expect(reload.inUse == old)
        #expect(reload.looked(.success(new)) == .use(new))
        #expect(reload.looked(.success(new)) == .nothing)
        #expect(reload.inUse == new)
    }

    @Test func `a file that is empty for a moment is neither used nor told of`() {
        var reload = SecretsReload(inUse: old)
        #expect(reload.looked(.failure(.noSecret)) == .nothing)
        #expect(reload.looked(.success(both)) == .nothing)
        #expect(reload.looked(.success(both)) == .use(both))
        #expect(reload.looked(.failure(.noSecret)) == .nothing)
        #expect(reload.looked(.success(both)) == .nothing)
        #expect(reload.looked(.success(both)) == .nothing)
    }

    @Test func `a failure keeps the secrets, is told once, and so is its end`() {
        var reload = SecretsReload(inUse: old)
        _ = reload.looked(.failure(.noSecret))
        #expect(reload.looked(.failure(.noSecret)) == .keep(.noSecret))
        for _ in 0..<3 { #expect(reload.looked(.failure(.noSecret)) == .nothing) }
        #expect(reload.looked(.failure(.tooLarge)) == .nothing)
        #expect(reload.looked(.failure(.tooLarge)) == .keep(.tooLarge))
        #expect(reload.inUse == old)
        #expect(reload.looked(.success(old)) == .nothing)
        #expect(reload.looked(.success(old)) == .unchanged)
        #expect(reload.looked(.success(old)) == .nothing)
    }

    @Test func `who asks gets an answer at once, each time`() {
        var reload = SecretsReload(inUse: old)
        #expect(reload.asked(.success(old)) == .unchanged)
        #expect(reload.asked(.success(both)) == .use(both))
        #expect(reload.looked(.success(both)) == .nothing)
        for _ in 0..<2 { #expect(reload.asked(.failure(.notRegular)) == .keep(.notRegular)) }
        #expect(reload.looked(.failure(.notRegular)) == .nothing)
        #expect(reload.inUse == both)
        #expect(reload.asked(.success(new)) == .use(new))
    }

    @Test func `half a file that was asked for is mended by the looks that follow`() {
        var reload = SecretsReload(inUse: old)
        #expect(reload.asked(.success([[0x6E]])) == .use([[0x6E]]))
        #expect(reload.looked(.success(both)) == .nothing)
        #expect(reload.looked(.success(both)) == .use(both))
    }
}
