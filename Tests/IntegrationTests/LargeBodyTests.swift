import Foundation
import Testing

/// Over a socket: requests above the limits, in an unsupported coding, or with another spelling of
/// their target.
@Suite(.serialized, .timeLimit(.minutes(10))) struct LargeBodyTests {
    @Test(arguments: [20_000, 1 << 20, 8 << 20])
    func `413 reaches a caller that sends its whole body before it reads`(length: Int) async throws
    {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 10_000)
            let head = "POST /transaction HTTP/1.1\r\nHost: a\r\n"
            for framing in [
                "Content-Length: \(length)\r\n\r\n",
                "Transfer-Encoding: chunked\r\n\r\n\(String(length, radix: 16))\r\n",
            ] {
                let client = try RawClient(port: server.port)
                try client.send(head + framing)
                // As a proxy does: on, whatever has been answered meanwhile.
                for _ in 0..<(length / piece.count) { try client.send(piece) }
                let answer = try client.readAnswer()
                #expect(answer.status == 413)
                #expect(answer.body.contains("\"code\":\"body_too_large\""))
                #expect(answer.fields["connection"] == "close")
                #expect(try client.readToEnd() == "")
            }
        }
    }

    @Test(arguments: ["gzip", "GZIP", "identity, br", "deflate,", "x-unknown"])
    func `a content coding is 415 and says which is taken, whatever the body is`(coding: String)
        async throws
    {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            for body in [APIServer.body(), "\u{1F}\u{8B}", ""] {
                let answer = try server.post(body, fields: "Content-Encoding: \(coding)\r\n")
                #expect(answer.status == 415)
                #expect(answer.body.contains("\"code\":\"unsupported_media_type\""))
                #expect(answer.fields["accept-encoding"] == "identity")
                #expect(answer.fields["connection"] == nil, "the connection goes on")
            }
            for coding in ["identity", "Identity", "", ",identity,"] {
                let fields = "Content-Encoding: \(coding)\r\nExpect:\r\n"
                #expect(try server.post(APIServer.body(), fields: fields).status == 200)
            }
            let expecting = try RawClient(port: server.port)
            try expecting.send(
                "POST /transaction HTTP/1.1\r\nHost: a\r\nExpect: 100-continue,\r\n"
                    + "Content-Encoding: \(coding)\r\nContent-Length: 10\r\n\r\n")
            #expect(try expecting.readAnswer().status == 415, "without a 100 before")
        }
    }

    @Test func `a path may be percent-encoded, and a target may have 8,000 bytes`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let body = APIServer.body()
            func post(_ target: String) throws -> Answer {
                try server.exchange(
                    "POST \(target) HTTP/1.1\r\nHost: a!b%20c\r\nContent-Length: "
                        + "\(body.utf8.count)\r\n\r\n\(body)")
            }
            #expect(try post("/%74ransactio%6E").status == 200)
            #expect(try post("/%2Ftransaction").status == 404)
            let query = String(repeating: "q", count: 8_000 - "/transaction?".utf8.count)
            #expect(try post("/transaction?\(query)").status == 200)
            #expect(try post("/transaction?\(query)q").status == 414)
            let query405 = try server.exchange("QUERY /transaction HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(query405.status == 405)
            #expect(query405.fields["allow"] == "POST, OPTIONS")
        }
    }
}
