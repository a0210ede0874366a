import Foundation
import Testing

/// A file in a folder of its own that is replaced by a rename, as most tools do it.
final class RotatedFile: Sendable {
    let path: String
    private let folder: URL

    init(_ text: String) throws {
        folder = FileManager.default.temporaryDirectory
            .appending(path: "core-api-rotated-\(UUID().uuidString)")
        path = folder.appending(path: "file").path
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try write(text)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func write(_ text: String) throws {
        let next = folder.appending(path: "next").path
        try Data(text.utf8).write(to: URL(filePath: next))
        try #require(unsafe rename(next, path) == 0)
    }
}
