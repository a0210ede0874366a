import Foundation
import Testing

@testable import CoreAPIHTTP
@testable import CoreAPIServer

/// The problem codes compared with the documents for callers.
@Suite struct ProblemDocumentTests {
    private func text(_ name: String) throws -> String {
        var folder = URL(filePath: #filePath)
        for _ in 0..<4 { folder.deleteLastPathComponent() }
        return try String(contentsOf: folder.appending(path: "docs/\(name)"), encoding: .utf8)
    }

    @Test func `docs/problems.md has a section for each code, which begins with its status`() throws
    {
        let document = try text("problems.md")
        for code in Problem.Code.allCases {
            let start = "\n## \(code.rawValue)\n\n`\(code.status.rawValue)`. "
            #expect(document.contains(start), "\(code.rawValue)")
        }
        let sections = document.split(separator: "\n").filter { $0.hasPrefix("## ") }
        #expect(sections.count == Problem.Code.allCases.count)
    }

    @Test(arguments: Problem.Code.allCases)
    func `docs/openapi.json names each code`(code: Problem.Code) throws {
        #expect(try text("openapi.json").contains("\"\(code.rawValue)\""))
    }
}
