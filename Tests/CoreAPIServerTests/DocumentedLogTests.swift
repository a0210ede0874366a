import Foundation
import Testing

/// Every message that the server can log stands in the table of docs/operations.md.
@Suite struct DocumentedLogTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The messages of the sources up to their first value, but those of consumers, which the
    /// server does not run. A message that begins with a value is not found.
    private func messages() throws -> Set<String> {
        let call =
            /ogger\??\.(?:info|notice|warning|error|critical|log)\(\s*(?:level: \w+,\s*)?"([^"\\]+)/
        var messages: Set<String> = []
        let sources = Self.root.appending(path: "Sources")
        let files = try #require(
            FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        for case let file as URL in files
        where file.pathExtension == "swift" && !file.path.contains("/CoreAPIKit/Consumer/") {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: call) { messages.insert(String(match.output.1)) }
        }
        return messages
    }

    /// The messages of the table's first column; `…` stands for the rest of one.
    private func documented() throws -> [String] {
        let file = Self.root.appending(path: "docs/operations.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let table = try #require(text.components(separatedBy: "\n## Logs\n").dropFirst().first)
            .components(separatedBy: "\n## ")[0]
        return table.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { row in
            row.components(separatedBy: " | ")[0].split(separator: "`").map(String.init)
        }
    }

    private func isDocumented(_ message: String, _ table: [String]) -> Bool {
        table.contains { entry in
            if entry == message { return true }
            // A message with a value: `console: requeue of dead letters`.
            if message.hasSuffix(" "), entry.hasPrefix(message) { return true }
            guard let start = entry.firstIndex(of: "…") else { return false }
            let words = entry[..<start].trimmingCharacters(in: .whitespaces)
            return words.count > 3 && message.hasPrefix(words)
        }
    }

    @Test func `each message has a row`() throws {
        let (messages, table) = (try messages(), try documented())
        #expect(messages.count > 30 && table.count > 40)
        #expect(messages.filter { !isDocumented($0, table) }.sorted() == [])
    }
}
