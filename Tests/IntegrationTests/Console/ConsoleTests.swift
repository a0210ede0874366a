import ChildProcess
import Foundation
import Testing

/// The console without a browser: who may see it, and what may change anything. The page itself is
/// tested in Tests/ConsoleTests, in a browser.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ConsoleTests {
    private static let password = "a password of the tests"

    /// A server with a console, and its operators' port.
    private func with(
        _ environment: [String: String] = [:], _ body: (APIServer, UInt16) async throws -> Void
    ) async throws {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "core-api-\(UUID().uuidString)")
        try Data("\(Self.password)\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        var all = ["QUEUE": "memory", "METRICS_PORT": "0", "CONSOLE_PASSWORD_FILE": file.path]
        all.merge(environment) { $1 }
        try await APIServer.with(all) { server in
            let isShared = environment["METRICS_PORT"] != nil
            try await body(server, isShared ? server.port : try await server.metricsPort())
        }
    }

    private func ask(
        _ port: UInt16, _ method: String = "GET", _ path: String = "/console/now",
        password: String? = ConsoleTests.password, _ fields: [String] = [], body: String = "",
        source: UInt8? = nil
    ) throws -> Answer {
        try asking(port, method, path, password: password, fields, body: body, source: source)
            .readAnswer()
    }

    /// A connection that has sent the request and not read the answer.
    private func asking(
        _ port: UInt16, _ method: String = "GET", _ path: String = "/console/now",
        password: String?, _ fields: [String] = [], body: String = "", source: UInt8? = nil
    ) throws -> RawClient {
        var fields = fields
        if let password {
            let login = Data("operator:\(password)".utf8).base64EncodedString()
            fields.append("Authorization: Basic \(login)")
        }
        let client = try RawClient(port: port, source: source)
        try client.send(
            "\(method) \(path) HTTP/1.1\r\nHost: ops:1\r\n"
                + fields.map { "\($0)\r\n" }.joined()
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return client
    }

    @Test func `every answer has the fields that protect it`() async throws {
        try await with { _, port in
            for (method, path, status) in [
                ("GET", "/console/", 200), ("GET", "/console/console.js", 200),
                ("GET", "/console/console.css", 200), ("GET", "/console/icon.svg", 200),
                ("GET", "/console/now", 200), ("GET", "/console/plots", 200),
                ("GET", "/console/recent", 200), ("GET", "/console/reasons", 200),
                ("GET", "/console/dead", 200), ("GET", "/console", 308),
                ("GET", "/console/none", 404), ("POST", "/console/remove", 403),
                ("PUT", "/console/", 405), ("DELETE", "/console/now", 405),
                ("OPTIONS", "/console/now", 204), ("POST", "/console/", 403),
            ] {
                let answer = try ask(port, method, path)
                #expect(answer.status == status, "\(method) \(path)")
                let policy = try #require(answer.fields["content-security-policy"])
                #expect(policy.contains("default-src 'none'"))
                #expect(policy.contains("frame-ancestors 'none'"))
                #expect(answer.fields["cache-control"] == "no-store")
                #expect(answer.fields["x-content-type-options"] == "nosniff")
            }
            let answer = try ask(port, password: nil)
            #expect(answer.status == 401)
            #expect(try #require(answer.fields["www-authenticate"]).hasPrefix("Basic "))
            #expect(answer.fields["content-security-policy"] != nil)
        }
    }

    @Test(arguments: [
        ("GET /console/ HTTP/1.1\r\n\r\n", 400),
        ("GET /console/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET /\(String(repeating: "x", count: 9_000)) HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        ("POST /console/remove HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", 413),
        ("BREW /console/ HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ("GET /console/ HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        ("GET /console/ HTTP/1.1\r\nHost: x\r\nExpect: no\r\n\r\n", 417),
        ("GET / HTTP/1.1\r\nHost: x\r\nA: \(String(repeating: "x", count: 20_000))\r\n\r\n", 431),
        ("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        ("GET /console/a/b HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        ("POST /transaction HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 404),
        ("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 204),
    ])
    func `so has every refusal on its port`(request: String, status: Int) async throws {
        let names = [
            "content-security-policy", "cache-control", "x-content-type-options", "x-frame-options",
        ]
        func fields(_ port: UInt16) throws -> [String?] {
            let client = try RawClient(port: port)
            try client.send(request)
            let answer = try client.readAnswer()
            #expect(answer.status == status)
            return names.map { answer.fields[$0] }
        }
        try await with { _, port in
            let found = try fields(port)
            #expect(try #require(found[0]).contains("default-src 'none'"))
            #expect(found[1...] == ["no-store", "nosniff", "DENY"])
        }
        // Without a console, nothing needs them.
        try await APIServer.with(["QUEUE": "memory", "METRICS_PORT": "0"]) { server in
            let found = try fields(try await server.metricsPort())
            #expect(found == [nil, nil, nil, nil])
        }
    }

    @Test(arguments: [("%2Bx", "+x"), ("%+5", "% 5"), ("%-1", "%-1"), ("a%4", "a%4"), ("%", "%")])
    func `a percent sign without two hexadecimal digits is itself`(
        text: String, decoded: String
    ) async throws {
        try await with { server, port in
            let fields = ["Sec-Fetch-Site: same-origin"]
            let answer = try ask(port, "POST", "/console/requeue", fields, body: "id=\(text)")
            #expect(answer.status == 200)
            try await eventually("the id is logged as it was decoded") {
                server.program.errors.contains("\"id\":\"\(decoded)\"")
            }
        }
    }

    @Test(arguments: [
        "Basic", "Basic ", "Basic x", "Bearer x", "basic !!!", "Basic b3BlcmF0b3I6",
    ])
    func `a malformed login is a wrong one`(field: String) async throws {
        try await with { _, port in
            let answer = try ask(port, password: nil, ["Authorization: \(field)"])
            #expect([401, 429].contains(answer.status))
        }
    }

    @Test func `without a password there is no console`() async throws {
        try await APIServer.with(["QUEUE": "memory", "METRICS_PORT": "0"]) { server in
            let port = try await server.metricsPort()
            #expect(try ask(port, "GET", "/console/").status == 404)
            #expect(try server.get("/console/").status == 404)
        }
        try await with { server, _ in
            let answer = try server.get("/console/")
            #expect(answer.status == 404)
        }
    }

    @Test func `the console is served on a port that both share`() async throws {
        let port = try FreePort.next()
        try await with(["HTTP_PORT": "\(port)", "METRICS_PORT": "\(port)", "THREADS": "2"]) {
            server, _ in
            for _ in 0..<4 {
                let answer = try ask(server.port)
                #expect(answer.status == 200)
            }
        }
    }

    @Test func `wrong passwords are slow for their address alone, and logged`() async throws {
        try await with { server, port in
            try await eventually("the address has to wait") {
                let slow = try asking(port, password: "wrong")
                let isRefused = try ask(port).status == 429
                #expect([401, 429].contains(try slow.readAnswer().status))
                return isRefused
            }
            try await eventually("it may ask again") { try ask(port).status == 200 }
            #expect(server.program.errors.contains("\"peer\":\"127.0.0.1\""))
            #expect(!server.program.errors.contains(Self.password))
        }
    }

    @Test func `no password is compared while wrong ones of many addresses wait`() async throws {
        let port = try FreePort.next()
        try await with(["HTTP_PORT": "\(port)", "METRICS_PORT": "\(port)"]) { server, _ in
            #expect(try ask(server.port, source: 200).status == 200)
            try await eventually("the right password gets what a wrong one gets") {
                // Each hangs up, which does not end its second.
                for source in UInt8(1)...40 {
                    _ = try asking(server.port, password: "wrong", source: source)
                }
                let isRefused = try ask(server.port, source: 100).status == 429
                // The address of an operator is checked all the same.
                #expect(try ask(server.port, source: 200).status == 200)
                return isRefused
            }
            let line = "wrong passwords from too many addresses: no other address is checked"
            #expect(server.program.errors.contains(line))
            try await eventually("after the flood all are checked") {
                try ask(server.port, source: 100).status == 200
            }
        }
    }

    @Test func `only the console's own page changes anything`() async throws {
        try await with { _, port in
            for fields in [
                [], ["Sec-Fetch-Site: cross-site"], ["Sec-Fetch-Site: none"],
                ["Origin: http://evil"], ["Origin: null"], ["Origin: http://ops:12"],
                ["Sec-Fetch-Site: cross-site", "Origin: http://ops:1"],
                ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"],
            ] {
                let answer = try ask(port, "POST", "/console/requeue", fields, body: "id=1")
                #expect(answer.status == 403, "\(fields)")
            }
            for fields in [["Sec-Fetch-Site: same-origin"], ["Origin: http://ops:1"]] {
                let answer = try ask(port, "POST", "/console/requeue", fields, body: "id=1")
                #expect(answer.body == "{\"count\":0,\"next\":null,\"unreached\":[]}")
                #expect(try ask(port, "POST", "/console/requeue", fields).status == 400)
                #expect(try ask(port, "POST", "/console/now", fields).status == 404)
                for (query, body) in [
                    ("", "id=A&id=B"), ("", "id=A&id="), ("?id=A", "id=B"),
                    ("", "reason=a&reason=b"), ("", "all=1&%61ll=1"),
                ] {
                    let path = "/console/requeue\(query)"
                    let answer = try ask(port, "POST", path, fields, body: body)
                    #expect(answer.status == 400 && answer.body.contains("is given twice"))
                }
            }
        }
        try await with(["CONSOLE_ACTIONS": "off"]) { _, port in
            let fields = ["Sec-Fetch-Site: same-origin"]
            let answer = try ask(port, "POST", "/console/remove", fields, body: "all=1")
            #expect(answer.status == 403 && answer.body.contains("CONSOLE_ACTIONS"))
        }
    }

    @Test func `the last answers are listed without tokens`() async throws {
        try await with { server, port in
            let id = try #require(
                try server.post(APIServer.body(), fields: "X-Request-Id: r1\r\n")
                    .fields["transaction-id"])
            _ = try server.post(APIServer.body(currency: "XXX"))
            _ = try server.post(APIServer.body(token: "a.secret.token"))
            let answer = try ask(port, "GET", "/console/recent")
            let parts = try JSONSerialization.jsonObject(with: Data(answer.body.utf8))
            let lists = try #require(parts as? [String: [[String: Any]]])
            let accepted = try #require(lists["accepted"])
            #expect(accepted.map { $0["id"] as? String } == [id])
            #expect(accepted[0]["request_id"] as? String == "r1")
            #expect(accepted[0]["amount"] as? Int == 100)
            let refused = try #require(lists["refused"])
            #expect(
                refused.map { $0["code"] as? String } == ["token_malformed", "invalid_transaction"])
            #expect(!answer.body.contains("secret"))
        }
    }

    @Test(arguments: [
        (["CONSOLE_PASSWORD_FILE": "/nowhere"], Int32(1), "CONSOLE_PASSWORD_FILE"),
        (["CONSOLE_ACTIONS": "maybe"], 78, "CONSOLE_ACTIONS"),
        (["METRICS_PORT": ""], 78, "METRICS_PORT"),
    ])
    func `a wrong setting is named`(
        setting: [String: String], status: Int32, name: String
    ) async throws {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "core-api-\(UUID().uuidString)")
        try Data("password".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let environment = [
            "JWT_SECRET": APIServer.secret, "QUEUE": "memory", "METRICS_PORT": "0",
            "CONSOLE_PASSWORD_FILE": file.path, "HTTP_PORT": "0",
        ].merging(setting) { $1 }
        let result = try await Program.run(
            Program.built("core-api"), environment: environment)
        #expect(result.status == status)
        #expect(result.errors.contains(name) && !result.errors.contains("password\n"))
    }

    @Test(arguments: ["", "\n", "  \n", "\t", "\u{A0}\n", "\u{200B}\r\n"])
    func `white space alone is no password, at the start and later`(text: String) async throws {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "core-api-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(text.utf8).write(to: file)
        let environment = [
            "QUEUE": "memory", "METRICS_PORT": "0", "CONSOLE_PASSWORD_FILE": file.path,
        ]
        let result = try await Program.run(
            Program.built("core-api"),
            environment: environment.merging(["JWT_SECRET": APIServer.secret]) { $1 })
        #expect(result.status == 1 && result.errors.contains("it is empty or white space alone"))
        try Data(Self.password.utf8).write(to: file)
        try await APIServer.with(environment) { server in
            try Data(text.utf8).write(to: file)
            try await eventually("the log says that the password in use stays") {
                server.program.errors.contains("passwords of the console not reloaded")
            }
            #expect(try ask(try await server.metricsPort()).status == 200)
        }
    }
}
