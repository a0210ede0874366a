import CoreAPIRedis
import Foundation
import Testing

/// The real binary, over real sockets.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ServerTests {
    // MARK: - Accepted

    @Test(arguments: ["memory", "rq:default", "stream:transactions"])
    func `every queue serves`(queue: String) async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(["QUEUE": queue, "REDIS_URL": redis.url]) { server in
                var ids: [String] = []
                for number in 1...20 {
                    let answer = try server.post(APIServer.body(amount: number))
                    #expect(answer.status == 200)
                    #expect(answer.fields["content-type"] == "application/json")
                    #expect(
                        answer.body == "{\"amount\":\(number),\"currency\":\"USD\",\"user_id\":1}")
                    ids.append(try #require(answer.fields["transaction-id"]))
                }
                switch queue {
                case "rq:default":
                    #expect(try await redis.texts("LRANGE", "rq:queue:default", "0", "-1") == ids)
                case "stream:transactions":
                    let texts = try await redis.texts("XRANGE", "transactions", "-", "+")
                    #expect(texts.indices.filter { texts[$0] == "id" }.map { texts[$0 + 1] } == ids)
                default: #expect(Set(ids).count == 20)
                }
            }
        }
    }

    @Test func `a token in Authorization serves as well`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let body = "{\"amount\":1,\"currency\":\"EUR\"}"
            let token = APIServer.token(userID: 5)
            for field in ["Authorization: Bearer \(token)", "authorization: bearer   \(token) "] {
                #expect(try server.post(body, fields: "\(field)\r\n").status == 200)
            }
            #expect(try server.post(body, fields: "Authorization: Basic YTpi\r\n").status == 401)
            let both = APIServer.body(token: token)
            #expect(
                try server.post(both, fields: "Authorization: Bearer \(token)\r\n").status == 200)
            let different = try server.post(
                both, fields: "Authorization: Bearer \(APIServer.token())\r\n")
            #expect(different.status == 400)
        }
    }

    // MARK: - Refused

    private func problem(_ answer: Answer) throws -> [String: Any] {
        #expect(answer.fields["content-type"] == "application/problem+json")
        let json = try JSONSerialization.jsonObject(with: Data(answer.body.utf8))
        let problem = try #require(json as? [String: Any])
        #expect(problem["status"] as? Int == answer.status)
        #expect(problem["error"] as? String == problem["detail"] as? String)
        let code = try #require(problem["code"] as? String)
        #expect(problem["type"] as? String == "urn:core-api:problem:\(code)")
        #expect((problem["title"] as? String)?.isEmpty == false)
        return problem
    }

    @Test func `every refusal is a problem, in the order of the checks`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let good = APIServer.token()
            let expired = APIServer.token(lifetime: -1)
            let disabled = APIServer.token(isEnabled: false)
            let json = "Content-Type: application/json\r\n"
            func post(_ body: String, type: String = json) -> String {
                "POST /transaction HTTP/1.1\r\nHost: a\r\n\(type)"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
            }
            let cases: [(String, Int, String)] = [
                ("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not_found"),
                ("GET /transaction/ HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not_found"),
                ("GET /transaction HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
                ("POST /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
                ("POST /health HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
                ("FOO /health HTTP/1.1\r\nHost: a\r\n\r\n", 501, "not_implemented"),
                ("GET /health HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version_not_supported"),
                ("GET /health HTTP/1.1\r\n\r\n", 400, "malformed_request"),
                ("GET /health HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417, "expectation_failed"),
                (
                    "GET /\(String(repeating: "a", count: 8_000)) HTTP/1.1\r\nHost: a\r\n\r\n", 414,
                    "target_too_long"
                ),
                (
                    "GET / HTTP/1.1\r\nA: \(String(repeating: "a", count: 20_000))", 431,
                    "headers_too_large"
                ),
                (post(String(repeating: " ", count: 17_000)), 413, "body_too_large"),
                (post("{", type: "Content-Type: text/plain\r\n"), 415, "unsupported_media_type"),
                (
                    post("a=b", type: "Content-Type: application/x-www-form-urlencoded\r\n"), 415,
                    "unsupported_media_type"
                ),
                (post("{\"amount\":"), 400, "malformed_json"),
                (post(""), 400, "malformed_json"),
                (post("{}"), 401, "token_missing"),
                (post("[]"), 401, "token_missing"),
                (post("{\"token\":\"x\"}"), 401, "token_malformed"),
                (post("{\"token\":\"\(good)=\"}"), 401, "token_malformed"),
                (post("{\"token\":\"\(good.dropLast(4))AAAA\"}"), 401, "token_signature_invalid"),
                (post("{\"token\":\"\(expired)\"}"), 401, "token_expired"),
                (post("{\"token\":\"\(disabled)\"}"), 403, "user_disabled"),
                (post("{\"token\":\"\(good)\"}"), 422, "invalid_transaction"),
            ]
            for (request, status, code) in cases {
                let answer = try server.exchange(request)
                #expect(answer.status == status, "\(request.prefix(100))")
                let problem = try problem(answer)
                #expect(problem["code"] as? String == code, "\(request.prefix(100))")
                #expect(answer.fields["date"]?.hasSuffix("GMT") == true)
                if status == 401 {
                    let expected =
                        code == "token_missing" ? "Bearer" : "Bearer error=\"invalid_token\""
                    #expect(answer.fields["www-authenticate"] == expected)
                }
                if status == 405 { #expect(answer.fields["allow"] != nil) }
            }
        }
    }

    @Test func `every bad field is named by its pointer`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let answer = try server.post(APIServer.body(amount: 0, currency: "usd"))
            let errors = try #require(try problem(answer)["errors"] as? [[String: String]])
            #expect(errors.map { $0["pointer"] } == ["#/amount", "#/currency"])
            #expect(errors.allSatisfy { $0["detail"]?.isEmpty == false })
            let list = try server.post(
                "[]", fields: "Authorization: Bearer \(APIServer.token())\r\n")
            #expect(
                (try problem(list)["errors"] as? [[String: String]])?.map { $0["pointer"] } == [""])
        }
    }

    @Test func `the media type may have parameters, or be left out`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let body = APIServer.body()
            for type in [
                "", "Content-Type: APPLICATION/JSON ; charset=utf-8\r\n",
                "Content-Type: application/json;\r\n",
                "Content-Type: application/json; =x\r\n",
            ] {
                let request =
                    "POST /transaction?a=b HTTP/1.1\r\nHost: a\r\n\(type)"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                let answer = try server.exchange(request)
                #expect(answer.status == 200)
            }
        }
    }

    // MARK: - HTTP

    @Test func `OPTIONS and HEAD answer without a body`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            for (target, allow) in [
                ("/transaction", "POST, OPTIONS"), ("/health", "GET, HEAD, OPTIONS"),
                ("/openapi.json", "GET, HEAD, OPTIONS"),
                ("*", "GET, HEAD, POST, OPTIONS"),
            ] {
                let client = try RawClient(port: server.port)
                try client.send(
                    "OPTIONS \(target) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                let text = try client.readToEnd()
                #expect(text.hasPrefix("HTTP/1.1 204 No Content\r\n"))
                #expect(text.contains("\r\nAllow: \(allow)\r\n"))
                #expect(text.hasSuffix("\r\n\r\n"))
            }
            for path in ["/health", "/health/live", "/health/ready"] {
                let client = try RawClient(port: server.port)
                try client.send("HEAD \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                let text = try client.readToEnd()
                #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
                #expect(text.contains("\r\nContent-Length: 32\r\n"))
                #expect(text.hasSuffix("\r\n\r\n"))
            }
        }
    }

    @Test func `one connection serves many requests, pipelined and one byte at a time`()
        async throws
    {
        try await RedisServer.with { redis in
            try await APIServer.with(["QUEUE": "stream:s", "REDIS_URL": redis.url]) { server in
                let client = try RawClient(port: server.port)
                try client.send(
                    (1...50).map { APIServer.post(APIServer.body(amount: $0)) }.joined())
                var text = ""
                for number in 1...50 {
                    while Answer(text) == nil {
                        let more = try client.readSome()
                        try #require(!more.isEmpty, "the server has closed the connection")
                        text += more
                    }
                    let answer = try #require(Answer(text))
                    #expect(answer.status == 200)
                    #expect(answer.body.hasPrefix("{\"amount\":\(number),"))
                    text = answer.rest
                }
                for byte in Array(APIServer.post(APIServer.body(amount: 51)).utf8) {
                    try client.send([byte])
                }
                #expect(try client.readAnswer().body.hasPrefix("{\"amount\":51,"))
                let body = APIServer.body(amount: 52)
                let chunked =
                    "POST /transaction HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + body.utf8.map { "1\r\n\(Character(Unicode.Scalar($0)))\r\n" }.joined()
                    + "0\r\n\r\n"
                try client.send(chunked)
                #expect(try client.readAnswer().body.hasPrefix("{\"amount\":52,"))
                #expect(try await redis.command("XLEN", "s") == .integer(52))
            }
        }
    }

    @Test func `a caller that has ended its output still gets its answers`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let client = try RawClient(port: server.port)
            try client.send(APIServer.post(APIServer.body()) + APIServer.post(APIServer.body()))
            client.shutdownWriting()
            #expect(try client.readToEnd().components(separatedBy: "HTTP/1.1 200 OK").count == 3)
        }
    }

    @Test func `Expect 100-continue is answered before the body, or refused without it`()
        async throws
    {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let body = APIServer.body()
            let head =
                "HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                + "Content-Length: \(body.utf8.count)\r\n"
            let client = try RawClient(port: server.port)
            try client.send("POST /transaction \(head)\r\n")
            #expect(try client.readSome() == "HTTP/1.1 100 Continue\r\n\r\n")
            try client.send(body)
            #expect(try client.readAnswer().status == 200)
            for (request, status) in [
                ("POST /nowhere \(head)\r\n", 404), ("PUT /transaction \(head)\r\n", 405),
                ("POST /transaction \(head)Content-Type: text/plain\r\n\r\n", 415),
            ] {
                let refused = try RawClient(port: server.port)
                try refused.send(request)
                let answer = try refused.readAnswer()
                #expect(answer.status == status)
                #expect(answer.fields["connection"] == "close")
                #expect(try refused.readSome() == "")
            }
        }
    }

    @Test func `after a refusal the answer arrives, although more was sent`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let client = try RawClient(port: server.port)
            try client.send(
                "POST /transaction HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            try client.send(String(repeating: "x", count: 100_000))
            let text = try client.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
            #expect(text.contains("\r\nConnection: close\r\n"))
        }
    }

    @Test func `HTTP 1.0 is answered and closed`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let client = try RawClient(port: server.port)
            try client.send("GET /health HTTP/1.0\r\n\r\n")
            #expect(try client.readToEnd().hasPrefix("HTTP/1.1 200 OK\r\n"))
            let kept = try RawClient(port: server.port)
            for _ in 0..<2 {
                try kept.send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(try kept.readAnswer().fields["connection"] == "keep-alive")
            }
        }
    }

    @Test func `a caller that never reads is not waited for, and others are served`() async throws {
        try await APIServer.with(["QUEUE": "memory", "THREADS": "1"]) { server in
            let deaf = try RawClient(port: server.port, timeoutSeconds: 2)
            let request = String(repeating: "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", count: 1_000)
            // Until the buffers of both sides are full: then the server waits for this caller
            // alone.
            while (try? deaf.send(request)) != nil {}
            #expect(try server.get("/health").status == 200)
        }
    }
}
