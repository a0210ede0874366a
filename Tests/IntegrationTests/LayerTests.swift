import Foundation
import Testing

/// An import of a layer above, or beside, does not build.
@Suite(.serialized, .timeLimit(.minutes(10))) struct LayerTests {
    /// Each layer with the layers that it must not import.
    private static let refused = [
        ("CoreAPIBase", ["CoreAPIRedis", "CoreAPIHTTP", "CoreAPIKit", "CoreAPIServer"]),
        ("CoreAPIHTTP", ["CoreAPIRedis", "CoreAPIKit", "CoreAPIServer"]),
        ("CoreAPIRedis", ["CoreAPIHTTP", "CoreAPIKit", "CoreAPIServer"]),
        ("CoreAPIKit", ["CoreAPIServer"]),
    ]

    @Test func `the build refuses each import upwards, and passes without one`()
        async throws
    {
        let copy = try PackageCopy(of: LayerTests.refused.map(\.0))
        for (layer, others) in LayerTests.refused {
            for other in others {
                let file = copy.directory.appending(path: "Sources/\(layer)/Upwards.swift")
                try Data("internal import \(other)\n".utf8).write(to: file)
                let result = try await copy.build(layer)
                #expect(result.status != 0, "\(layer) may import \(other)")
                let reason = "Target \(layer) imports another target (\(other))"
                #expect(result.output.contains(reason), "\(result.output)")
                try FileManager.default.removeItem(at: file)
            }
            if layer == "CoreAPIBase" {
                let result = try await copy.build(layer)
                #expect(result.status == 0, "\(result.output)")
            }
        }
    }

    /// Without the check that the test above asks for, the compiler finds a module that another
    /// target has built even where no dependency is declared.
    @Test func `a file imports only the layers that its target declares`() async throws {
        let layers = Set(LayerTests.refused.map(\.0) + ["CoreAPIServer"])
        let copy = try PackageCopy(of: [])
        for (target, declared) in try await copy.dependencies() where layers.contains(target) {
            let folder = Program.root.appending(path: "Sources/\(target)")
            let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
            for case let file as URL in try #require(files) where file.pathExtension == "swift" {
                let text = try String(contentsOf: file, encoding: .utf8)
                for match in text.matches(of: /(?m)^[@a-z_ ()]*import (?:[a-z]+ )?([A-Za-z]+)/) {
                    let module = String(match.output.1)
                    #expect(
                        !layers.contains(module) || declared.contains(module),
                        "\(target) imports \(module): \(file.lastPathComponent)")
                }
            }
        }
    }
}

/// The package in another folder, with the dependencies of this build: some targets as copies,
/// which a test changes, the others as links.
private final class PackageCopy {
    let directory: URL

    init(of targets: [String]) throws {
        let manager = FileManager.default
        directory = manager.temporaryDirectory.appending(
            path: "core-api-layers-\(UUID().uuidString)")
        let sources = directory.appending(path: "Sources")
        let scratch = directory.appending(path: ".build")
        for folder in [sources, scratch] {
            try manager.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        try manager.copyItem(
            at: Program.root.appending(path: "Package.swift"),
            to: directory.appending(path: "Package.swift"))
        for name in ["Package.resolved", "Tests", "docs"] {
            try link(Program.root.appending(path: name), directory.appending(path: name))
        }
        let all = Program.root.appending(path: "Sources")
        for name in try manager.contentsOfDirectory(atPath: all.path) {
            let (from, to) = (all.appending(path: name), sources.appending(path: name))
            if targets.contains(name) {
                try manager.copyItem(at: from, to: to)
            } else {
                try link(from, to)
            }
        }
        // Of the folder `debug` of a platform's folder.
        let built = URL(filePath: Program.built("..")).standardizedFileURL
            .deletingLastPathComponent()
        try manager.copyItem(
            at: built.appending(path: "workspace-state.json"),
            to: scratch.appending(path: "workspace-state.json"))
        for name in ["checkouts", "repositories"] {
            try link(built.appending(path: name), scratch.appending(path: name))
        }
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private func link(_ from: URL, _ to: URL) throws {
        try FileManager.default.createSymbolicLink(at: to, withDestinationURL: from)
    }

    /// Builds a target and its dependencies.
    func build(_ target: String) async throws -> (status: Int32, output: String) {
        let result = try await Program.run(
            "swift",
            [
                "build", "--package-path", directory.path, "--target", target,
                "--explicit-target-dependency-import-check", "error",
            ], withinSeconds: 400)
        return (result.status, result.output + result.errors)
    }

    /// The names of the targets that each target depends on, as the manifest has them.
    func dependencies() async throws -> [String: Set<String>] {
        let result = try await Program.run(
            "swift", ["package", "--package-path", directory.path, "dump-package"],
            withinSeconds: 400)
        let package = try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        var found: [String: Set<String>] = [:]
        for target in try #require(package["targets"] as? [[String: Any]]) {
            let dependencies = try #require(target["dependencies"] as? [[String: [Any]]])
            let names = dependencies.compactMap { $0["byName"]?.first as? String }
            found[try #require(target["name"] as? String)] = Set(names)
        }
        return found
    }
}
