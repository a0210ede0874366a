import Foundation
import Testing

@testable import CoreAPIHTTP
@testable import CoreAPIRedis
@testable import CoreAPIServer

/// The commands and programs of the README and the docs.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ExampleTests {
    private func document(_ path: String) throws -> String {
        try String(contentsOf: Program.root.appending(path: path), encoding: .utf8)
    }

    @Test func `the command lines of the Python service's README work unchanged`() async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(["REDIS_URL": redis.url]) { server in
                let accepted = try await Program.run(
                    "http",
                    [
                        "--ignore-stdin", "-v", "POST", "http://0.0.0.0:\(server.port)/transaction",
                        "amount=100",
                        "currency=USD", "token=\(APIServer.token())",
                    ])
                #expect(accepted.status == 0, "\(accepted.errors)")
                #expect(accepted.output.contains("HTTP/1.1 200 OK"))
                #expect(
                    accepted.output.contains("\"amount\": 100")
                        || accepted.output.contains("\"amount\":100"))
                let health = try await Program.run(
                    "http", ["--ignore-stdin", "-v", "http://0.0.0.0:\(server.port)/health"])
                #expect(health.status == 0)
                #expect(health.output.contains("HTTP/1.1 200 OK"))
                #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(1))
            }
        }
    }

    @Test func `curl posts, chunked and with an expectation`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            for arguments in [
                [], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"],
                ["--http1.0"],
            ] {
                let result = try await Program.run(
                    "curl",
                    [
                        "-sS", "--fail", "--max-time", "60", "-H", "Content-Type: application/json",
                        "-d", APIServer.body(),
                    ]
                        + arguments + ["http://127.0.0.1:\(server.port)/transaction"])
                #expect(result.status == 0, "\(arguments) \(result.errors)")
                #expect(result.output == "{\"amount\":100,\"currency\":\"USD\",\"user_id\":1}")
            }
        }
    }

    @Test func `the example of an embedder accepts a transaction with fakes`() async throws {
        let result = try await Program.run(Program.built("embedder-example"))
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("/amount: amount is out of bounds"))
        #expect(result.output.contains("/currency: currency has no minor unit"))
    }

    @Test func `the example of an embedder accepts a transaction with a real Redis`() async throws {
        try await RedisServer.with { redis in
            let result = try await Program.run(Program.built("embedder-example"), [redis.url])
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.contains(": 100 USD"))
            #expect(try await redis.command("XLEN", "transactions") == .integer(1))
        }
    }

    /// The sources of the examples, by their paths.
    private func examples() throws -> [String: String] {
        let folder = Program.root.appending(path: "docs/examples")
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        return try paths.reduce(into: [:]) { examples, path in
            guard path.hasSuffix(".swift"), !path.hasSuffix("Package.swift"),
                !path.contains(".build/")
            else { return }
            examples[path] = try document("docs/examples/\(path)")
        }
    }

    @Test func `docs/embedding.md shows the compiled examples`() throws {
        let text = try document("docs/embedding.md")
        let examples = try examples()
        #expect(examples.count == 7)
        for (path, example) in examples {
            #expect(text.contains("```swift\n\(example)```"), "\(path)")
        }
    }

    @Test func `each line of code in the Kit's articles is in an example`() throws {
        func lines(_ text: some StringProtocol) -> String {
            text.split(separator: "\n").map { $0.trimmingPrefix { $0 == " " } }
                .joined(separator: "\n")
        }
        let examples = try examples().values.map(lines)
        let folder = "Sources/CoreAPIKit/CoreAPIKit.docc"
        var count = 0
        for path in try FileManager.default.contentsOfDirectory(
            atPath: Program.root.appending(path: folder).path)
        {
            let parts = try document("\(folder)/\(path)").components(separatedBy: "```swift\n")
            for part in parts.dropFirst() {
                let code = lines(part.components(separatedBy: "```")[0])
                #expect(examples.contains { $0.contains(code) }, "\(path): \(code)")
                count += 1
            }
        }
        #expect(count >= 3)
    }

    @Test func `docs/problems.md has a section for every problem`() throws {
        let problems = try document("docs/problems.md")
        for code in Problem.Code.allCases {
            #expect(problems.contains("\n## \(code.rawValue)\n"), "\(code.rawValue)")
            #expect(problems.contains("`\(code.status.rawValue)`"), "\(code.rawValue)")
        }
    }
}
