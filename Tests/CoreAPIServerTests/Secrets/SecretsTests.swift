import Foundation
import Testing

@testable import CoreAPIBase
@testable import CoreAPIServer

/// `JWT_SECRET` and `JWT_SECRET_FILE`: their valid values, and when a change takes effect.
@Suite struct SecretsTests {
    // MARK: - The file

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
        // A pipe without a writer is refused without a wait.
        try #require(unsafe mkfifo(path, 0o600) == 0)
        #expect(throws: SecretsFileError.notRegular) { try read(path) }
        try FileManager.default.removeItem(atPath: path)
        let secret = String(repeating: "a", count: SecretsFile.secretBytesMin)
        try Data("\(secret)\n".utf8).write(to: URL(filePath: path))
        #expect(try read(path) == [Array(secret.utf8)])
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
                #expect(error.mayPass == (variables["JWT_SECRET_FILE"] == "hunter2"))
            }
        }
    }

    @Test(arguments: [
        (" ", "white space"), ("\t\r\n \u{0B}\u{0C}", "white space"), ("\u{A0}", "white space"),
        ("\u{3000}\u{2003}\u{FEFF}", "white space"),
        ("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw\n-----END PUBLIC KEY-----", "PEM"),
        ("\u{FEFF} -----END CERTIFICATE-----", "PEM"),
    ])
    func `an invalid value of JWT_SECRET is refused with its reason, and not shown`(
        value: String, words: String
    ) {
        do {
            _ = try configuration(["JWT_SECRET": value])
            Issue.record("accepted")
        } catch {
            #expect(error.variable == "JWT_SECRET")
            #expect(error.value == nil && !error.mayPass)
            #expect(error.expectation.contains(words))
            #expect(!error.description.contains("MCow"))
        }
    }

    @Test func `a short value of JWT_SECRET is accepted with a warning`() throws {
        let secrets = try configuration(["JWT_SECRET": "secret"]).secrets
        #expect(secrets == [Array("secret".utf8)])
        #expect(
            SecretsConfiguration.warnings(secrets, inFile: false)
                == ["JWT_SECRET can be guessed: use 32 random bytes or more (RFC 7518 §3.2)"])
    }

    @Test func `a suspicious secret causes a warning, and is not shown`() {
        let long = [UInt8](repeating: 0x61, count: 32)
        #expect(SecretsConfiguration.warnings([long, long], inFile: true).isEmpty)
        let short = SecretsConfiguration.warnings([long, Array("hunter2".utf8)], inFile: true)
        #expect(short.count == 1)
        #expect(short.first?.hasPrefix("secret 2 of JWT_SECRET_FILE can be guessed") == true)
        let carriageReturn = SecretsConfiguration.warnings([long + [0x0D]], inFile: true)
        #expect(carriageReturn.count == 1)
        #expect(carriageReturn.first?.contains("ends in white space") == true)
        #expect(SecretsConfiguration.warnings([[0x61, 0x0A]], inFile: false).count == 2)
        let marked = SecretsConfiguration.warnings([[0xEF, 0xBB, 0xBF] + long], inFile: false)
        #expect(marked.first?.contains("begins with a byte order mark") == true)
        // Zero bytes at the end do not make a key longer.
        let padded = SecretsConfiguration.warnings(
            [[0x61] + [UInt8](repeating: 0, count: 40)], inFile: false)
        #expect(padded.first?.contains("can be guessed") == true)
    }

    // MARK: - When a change counts

    private typealias SecretsReload = FileReload<[[UInt8]], SecretsFileError>

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

    @Test func `a file that is empty for a moment is neither used nor logged`() {
        var reload = SecretsReload(inUse: old)
        #expect(reload.looked(.failure(.noSecret)) == .nothing)
        #expect(reload.looked(.success(both)) == .nothing)
        #expect(reload.looked(.success(both)) == .use(both))
        #expect(reload.looked(.failure(.noSecret)) == .nothing)
        #expect(reload.looked(.success(both)) == .nothing)
        #expect(reload.looked(.success(both)) == .nothing)
    }

    @Test func `a failure keeps the secrets, and its start and end are logged once`() {
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

    @Test func `each SIGHUP is answered at once`() {
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
