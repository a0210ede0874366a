@testable import CoreAPIHTTP

/// A generated request with its expected outcome.
struct GeneratedRequest {
    enum Expectation: Equatable {
        /// `METHOD PATH CONTENT`, and whether the answer is the connection's last.
        case respond(String, closes: Bool)
        /// Nil: any refusal.
        case refuse(HTTPRefusal?)
    }

    let bytes: [UInt8]
    let expectation: Expectation

    init(_ text: String, _ expectation: Expectation) {
        bytes = Array(text.utf8)
        self.expectation = expectation
    }
}

/// Makes valid and invalid requests. Paths are numbered, so that no answer can stand for another.
struct RequestGenerator {
    /// Small, so that they are reached by small requests.
    static let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.headBytesMax = 512
        limits.targetBytesMax = 128
        limits.fieldsMax = 8
        limits.bodyBytesMax = 256
        limits.chunkOverheadBytesMax = 256
        limits.lingerBytesMax = 512
        limits.keptBytesMax = 128
        return limits
    }()

    private var number = 0

    mutating func next(_ random: inout SimulationRandom) -> GeneratedRequest {
        number += 1
        return random.chance(12) ? invalid(&random) : valid(&random)
    }

    // MARK: - Valid

    mutating func valid(_ random: inout SimulationRandom) -> GeneratedRequest {
        let path = "/\(number)"
        let lead = random.chance(15) ? "\r\n" : ""
        switch random.integer(0...5) {
        case 0: return get(path, lead, &random)
        case 1: return old(path, lead, &random)
        case 2:
            return GeneratedRequest(
                "\(lead)OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
                .respond("OPTIONS * ", closes: false))
        case 3, 4: return posted(path, lead, &random)
        default: return chunked(path, lead, &random)
        }
    }

    private func get(
        _ path: String, _ lead: String, _ random: inout SimulationRandom
    ) -> GeneratedRequest {
        let closes = random.chance(15)
        let fields = closes ? "Connection: close\r\n" : random.chance(30) ? "X: \t y \r\n" : ""
        return GeneratedRequest(
            "\(lead)GET \(path)?q HTTP/1.1\r\nHost: a\r\n\(fields)\r\n",
            .respond("GET \(path) ", closes: closes))
    }

    private func old(
        _ path: String, _ lead: String, _ random: inout SimulationRandom
    ) -> GeneratedRequest {
        let keepsAlive = random.chance(70)
        let fields = keepsAlive ? "Connection: keep-alive\r\n" : ""
        return GeneratedRequest(
            "\(lead)GET \(path) HTTP/1.0\r\n\(fields)\r\n",
            .respond("GET \(path) ", closes: !keepsAlive))
    }

    private func posted(
        _ path: String, _ lead: String, _ random: inout SimulationRandom
    ) -> GeneratedRequest {
        let body = content(random.integer(0...200))
        let expects = random.chance(30) ? "Expect: 100-continue\r\n" : ""
        return GeneratedRequest(
            "\(lead)POST \(path) HTTP/1.1\r\nHost: a\r\n\(expects)"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)",
            .respond("POST \(path) \(body)", closes: false))
    }

    private func chunked(
        _ path: String, _ lead: String, _ random: inout SimulationRandom
    ) -> GeneratedRequest {
        let expects = random.chance(30) ? "Expect: 100-continue\r\n" : ""
        var text =
            "\(lead)POST \(path) HTTP/1.1\r\nHost: a\r\n\(expects)"
            + "Transfer-Encoding: chunked\r\n\r\n"
        var body = ""
        for _ in 0..<random.integer(0...4) {
            let part = content(random.integer(1...50))
            let attribute = random.chance(20) ? ";a=\"b\"" : ""
            text += "\(String(part.utf8.count, radix: 16))\(attribute)\r\n\(part)\r\n"
            body += part
        }
        text += random.chance(30) ? "0\r\nX: y\r\n\r\n" : "0\r\n\r\n"
        return GeneratedRequest(text, .respond("POST \(path) \(body)", closes: false))
    }

    /// Looks like requests, so that a wrong end is noticed.
    private func content(_ length: Int) -> String {
        String(String(repeating: "GET /x HTTP/1.1\r\n\r\n", count: length / 19 + 1).prefix(length))
    }

    // MARK: - Invalid

    private func invalid(_ random: inout SimulationRandom) -> GeneratedRequest {
        let head = "POST /\(number) HTTP/1.1\r\nHost: a\r\n"
        let long = String(repeating: "x", count: 600)
        let many = String(repeating: "X: y\r\n", count: 9)
        return random.pick([
            refused("GET / HTTP/1.1\nHost: a\r\n\r\n", .malformed(.bareLineFeed)),
            refused("GET / HTTP/1.1\r\n\r\n", .malformed(.host)),
            refused("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", .methodUnknown),
            refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .versionNotSupported),
            refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n", .malformed(.fieldName)),
            refused("GET /\(long.prefix(130)) HTTP/1.1\r\nHost: a\r\n\r\n", .targetTooLong),
            refused("GET /\(long)", .targetTooLong),
            refused(head + "X: \(long)\r\n\r\n", .fieldsTooLarge),
            refused(head + many + "\r\n", .fieldsTooLarge),
            refused(
                head + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n1",
                .malformed(.contentLength)),
            refused(head + "Content-Length: 257\r\n\r\n", .bodyTooLarge),
            refused(
                head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                .malformed(.lengthAndCoding)),
            refused(head + "Transfer-Encoding: chunked\r\n\r\ng\r\n", .malformed(.chunkSize)),
            refused(head + "Transfer-Encoding: chunked\r\n\r\n101\r\n", .bodyTooLarge),
            refused(
                head + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
                .malformed(.chunkEnd)),
            refused(head + "Expect: more\r\n\r\n", .expectationUnknown),
            refused("\u{0}\(random.next())\r\n", nil),
        ])
    }

    private func refused(_ text: String, _ refusal: HTTPRefusal?) -> GeneratedRequest {
        GeneratedRequest(text, .refuse(refusal))
    }
}
