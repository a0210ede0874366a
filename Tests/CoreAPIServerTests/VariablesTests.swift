import Foundation
import Synchronization
import Testing

@testable import CoreAPIServer

/// Every variable that the configuration reads is described where operators look for it.
@Suite struct VariablesTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The variables that the configuration reads, used or not.
    private func variablesRead() -> Set<String> {
        let names = Mutex<Set<String>>([])
        for given in [
            ["JWT_SECRET": "secret"], ["JWT_SECRET": "secret", "QUEUE": "memory"],
            ["JWT_SECRET": "secret", "QUEUE": "stream:s", "METRICS_PORT": "9100"],
        ] {
            _ = try? Configuration(
                environment: { name in
                    names.withLock { _ = $0.insert(name) }
                    return given[name].map { Array($0.utf8) }
                }, cores: 1, openFilesMax: 1_024)
        }
        return names.withLock { $0 }
    }

    /// The words in capitals that begin a line of the text behind the prefix.
    private func variables(in text: String, after prefix: String) -> Set<String> {
        let lines = text.split(separator: "\n").filter { $0.hasPrefix(prefix) }
        let names = lines.map { line in
            String(line.dropFirst(prefix.count).prefix { $0.isUppercase || $0 == "_" })
        }
        return Set(names.filter { $0.count > 1 })
    }

    @Test func `each variable stands in --help, and no other does`() {
        let read = variablesRead()
        #expect(read.count > 25)
        #expect(variables(in: Command.usage, after: "  ") == read)
    }

    @Test func `each variable has a row of the README's table`() throws {
        let text = try String(
            contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
        var described: Set<String> = []
        // A row may describe several: "| `A`, `B` | …".
        for line in text.split(separator: "\n") where line.hasPrefix("| `") {
            let cell = line.dropFirst(2).prefix { $0 != "|" }
            for word in cell.split(separator: "`")
            where word.allSatisfy({ $0.isUppercase || $0 == "_" }) {
                described.insert(String(word))
            }
        }
        #expect(variablesRead().subtracting(described) == [])
    }
}
