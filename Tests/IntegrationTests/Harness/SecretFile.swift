import Foundation
import Testing

/// A file of secrets in a folder of its own, which is changed as one or another tool does it.
final class SecretFile: Sendable {
    /// How a file's contents are replaced.
    enum Change: CaseIterable {
        /// Another file takes its name, and a signal says so.
        case renameAndSignal
        /// Another file takes its name.
        case rename
        /// As Kubernetes does: the path leads over a link to a folder, which is swapped.
        case linkSwap
        /// Truncated, and written once the server has seen that it is empty.
        case inPlace
    }

    let path: String
    private let change: Change
    private let folder: URL

    init(_ secrets: [String], _ change: Change) throws {
        self.change = change
        folder = FileManager.default.temporaryDirectory
            .appending(path: "core-api-secrets-\(UUID().uuidString)")
        path = folder.appending(path: "secrets").path
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        guard change == .linkSwap else {
            try SecretFile.text(secrets).write(to: url)
            return
        }
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: "..data/secrets")
        try link(to: secrets)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var environment: [String: String] { ["JWT_SECRET_FILE": path] }

    private var url: URL { URL(filePath: path) }

    func write(_ secrets: [String], _ server: APIServer) async throws {
        switch change {
        case .rename: try replace(secrets)
        case .renameAndSignal:
            try replace(secrets)
            server.program.signal(SIGHUP)
        case .linkSwap: try link(to: secrets)
        case .inPlace:
            let count = SecretFile.failures(server)
            let handle = try FileHandle(forWritingTo: url)
            try handle.truncate(atOffset: 0)
            try await eventually("the server sees an empty file") {
                SecretFile.failures(server) > count
            }
            try handle.write(contentsOf: SecretFile.text(secrets))
            try handle.close()
        }
    }

    /// How often the server has logged that the file cannot be used.
    static func failures(_ server: APIServer) -> Int {
        server.program.errors.ranges(of: "\"message\":\"secrets not reloaded").count
    }

    private func replace(_ secrets: [String]) throws {
        let next = folder.appending(path: "next").path
        try SecretFile.text(secrets).write(to: URL(filePath: next))
        try #require(unsafe rename(next, path) == 0)
    }

    private func link(to secrets: [String]) throws {
        let name = "..\(UUID().uuidString)"
        let version = folder.appending(path: name)
        try FileManager.default.createDirectory(at: version, withIntermediateDirectories: true)
        try SecretFile.text(secrets).write(to: version.appending(path: "secrets"))
        let next = folder.appending(path: "..data_tmp").path
        try FileManager.default.createSymbolicLink(atPath: next, withDestinationPath: name)
        try #require(unsafe rename(next, folder.appending(path: "..data").path) == 0)
    }

    private static func text(_ secrets: [String]) -> Data {
        Data(secrets.map { $0 + "\n" }.joined().utf8)
    }
}
