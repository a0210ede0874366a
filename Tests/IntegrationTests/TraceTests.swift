import Foundation
import Testing

/// A request's name and its trace, from the caller into the job and the logs.
@Suite(.serialized, .timeLimit(.minutes(10))) struct TraceTests {
    private static let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let trace = "00-\(traceID)-00f067aa0ba902b7-01"

    /// The log's entries with this message.
    private func entries(_ message: String, in log: String) -> [[String: String]] {
        log.split(separator: "\n").compactMap { line in
            let json = try? JSONSerialization.jsonObject(with: Data(line.utf8))
            guard let entry = json as? [String: String], entry["message"] == message else {
                return nil
            }
            return entry
        }
    }

    @Test func `every answer has the request's name, the caller's or one of our own`() async throws
    {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let named = "X-Request-Id: my-request\r\n"
            #expect(try server.get("/health", fields: named).fields["x-request-id"] == "my-request")
            let answer = try server.post(APIServer.body(), fields: named)
            #expect(answer.status == 200)
            #expect(answer.fields["x-request-id"] == "my-request")
            var names: Set<String> = []
            let requests = [
                "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: a b\r\n\r\n", "nonsense\r\n\r\n",
                APIServer.post("{}"), APIServer.post(APIServer.body()),
                "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
                "POST /transaction HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    + "Content-Type: text/plain\r\nContent-Length: 9\r\n\r\n",
            ]
            for request in requests {
                let answer = try server.exchange(request)
                let name = try #require(answer.fields["x-request-id"], "\(request)")
                #expect(name.count == 32 && name.allSatisfy(\.isHexDigit))
                names.insert(name)
            }
            #expect(names.count == requests.count)
        }
    }

    @Test(arguments: RQWorker.versions)
    func `a trace reaches the function that python-rq runs`(version: String) async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(["REDIS_URL": redis.url]) { server in
                let fields = "traceparent: \(TraceTests.trace)\r\n"
                let answer = try server.post(APIServer.body(amount: 1), fields: fields)
                #expect(answer.status == 200)
                let id = try #require(answer.fields["transaction-id"])
                #expect(
                    try server.post(APIServer.body(amount: 2), fields: "traceparent: 00-1\r\n")
                        .status == 200, "what is none is ignored")
                let result = try await RQWorker.run(
                    version, environment: ["REDIS_URL": redis.url])
                let lines = result.output.split(separator: "\n").filter {
                    $0.hasPrefix("processed")
                }
                try #require(lines.count == 2, "\(result.errors)")
                #expect(lines[0].hasSuffix("(job \(id)) traceparent=\(TraceTests.trace)"))
                #expect(lines[1].hasSuffix(")"))
            }
        }
    }

    @Test func `a trace is a field of the stream's entry, where there is one`() async throws {
        try await RedisServer.with { redis in
            let queue = ["REDIS_URL": redis.url, "QUEUE": "stream:s"]
            try await APIServer.with(queue) { server in
                let fields = "traceparent: \(TraceTests.trace)\r\n"
                #expect(try server.post(APIServer.body(), fields: fields).status == 200)
                #expect(try server.post(APIServer.body()).status == 200)
                // Without a trace there is no state of one.
                #expect(
                    try server.post(APIServer.body(), fields: "tracestate: a=1\r\n").status == 200)
                let texts = try await redis.texts("XRANGE", "s", "-", "+")
                #expect(texts.filter { $0 == "traceparent" }.count == 1)
                let name = try #require(texts.firstIndex(of: "traceparent"))
                #expect(texts[name + 1] == TraceTests.trace)
                #expect(texts.filter { $0 == "created_at" }.count == 3)
                #expect(!texts.contains("tracestate"))
            }
        }
    }

    @Test func `several fields of tracestate are one list in the stream's entry`() async throws {
        try await RedisServer.with { redis in
            let queue = ["REDIS_URL": redis.url, "QUEUE": "stream:s"]
            try await APIServer.with(queue) { server in
                let fields =
                    "TraceState: foo=1 , bar=2,\r\ntraceparent: \(TraceTests.trace)\r\n"
                    + "X-Other: tracestate\r\ntracestate: \r\ntracestate:\tbaz=3\r\n"
                let invalid = "traceparent: \(TraceTests.trace)\r\ntracestate: foo=1,=\r\n"
                for fields in [fields, invalid] {
                    for name in ["", "Idempotency-Key: \(fields.count)\r\n"] {
                        let answer = try server.post(APIServer.body(), fields: fields + name)
                        #expect(answer.status == 200)
                    }
                }
                let texts = try await redis.texts("XRANGE", "s", "-", "+")
                #expect(texts.filter { $0 == TraceTests.trace }.count == 4)
                #expect(texts.filter { $0 == "tracestate" }.count == 2)
                #expect(texts.filter { $0 == "foo=1,bar=2,baz=3" }.count == 2)
            }
        }
    }

    @Test(arguments: RQWorker.versions)
    func `a trace's state is in the meta of an rq job`(version: String) async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(["REDIS_URL": redis.url]) { server in
                let fields = "traceparent: \(TraceTests.trace)\r\ntracestate: foo=1,bar=2\r\n"
                #expect(try server.post(APIServer.body(), fields: fields).status == 200)
                let result = try await RQWorker.run(version, environment: ["REDIS_URL": redis.url])
                #expect(
                    result.output.contains(
                        "traceparent=\(TraceTests.trace) tracestate=foo=1,bar=2"))
            }
        }
    }

    @Test func `the access log has a line for each request, without a token`() async throws {
        let environment = [
            "QUEUE": "memory", "ACCESS_LOG_LEVEL": "debug", "LOG_LEVEL": "debug",
        ]
        try await APIServer.with(environment) { server in
            let token = APIServer.token()
            let fields = "X-Request-Id: first\r\ntraceparent: \(TraceTests.trace)\r\n"
            let accepted = try server.post(APIServer.body(token: token), fields: fields)
            _ = try server.get("/other/\(token)")
            _ = try server.exchange("nonsense\r\n\r\n")
            try await eventually("three lines") {
                entries("request", in: server.program.errors).count == 3
            }
            let lines = entries("request", in: server.program.errors)
            #expect(lines[0]["level"] == "debug")
            #expect(lines[0]["request_id"] == "first")
            #expect(lines[0]["trace_id"] == TraceTests.traceID)
            #expect(lines[0]["transaction_id"] == accepted.fields["transaction-id"])
            #expect(lines[0]["method"] == "POST")
            #expect(lines[0]["route"] == "/transaction")
            #expect(lines[0]["status"] == "200")
            #expect(lines[0]["duration_ms"].flatMap(Double.init) != nil)
            #expect(lines[1]["method"] == "GET")
            #expect(lines[1]["route"] == "other")
            #expect(lines[1]["status"] == "404")
            #expect(lines[2]["method"] == "-")
            #expect(lines[2]["status"] == "400")
            let signature = try #require(token.split(separator: ".").last)
            #expect(!server.program.errors.contains(signature))
        }
    }

    @Test(arguments: ["", "off", "debug"])
    func `without the level there is no line`(level: String) async throws {
        let environment = ["QUEUE": "memory", "ACCESS_LOG_LEVEL": level]
        try await APIServer.with(environment) { server in
            let answer = try server.post(APIServer.body())
            #expect(answer.status == 200)
            server.program.signal(SIGTERM)
            #expect(try await server.program.status() == 0)
            #expect(entries("ended", in: server.program.errors).count == 1)
            #expect(entries("request", in: server.program.errors).isEmpty)
        }
    }

    @Test func `a transaction of which the outcome is unknown is named in the log`() async throws {
        try await RedisServer.with { redis in
            let environment = ["REDIS_URL": redis.url, "THREADS": "1", "ENQUEUE_TIMEOUT": "1"]
            try await APIServer.with(environment) { server in
                #expect(try server.post(APIServer.body()).status == 200)
                redis.pause()
                let answer = try server.post(
                    APIServer.body(), fields: "X-Request-Id: lost\r\n")
                redis.resume()
                #expect(answer.status == 504)
                let line = try #require(
                    entries(
                        "outcome unknown: look for the transaction in the queue",
                        in: server.program.errors
                    ).first)
                #expect(line["request_id"] == "lost")
                #expect(line["level"] == "warning")
                #expect(line["transaction_id"]?.count == 36)
            }
        }
    }
}
