internal import Foundation

@testable internal import CoreAPIBase
@testable internal import CoreAPIHTTP
@testable internal import CoreAPIKit

/// The input of the cases: 1,000 tokens, their bodies, and the head that `wrk` sends.
struct Material {
    private let verifier: HMACTokenVerifier
    private let tokens: [[UInt8]]
    /// The length of each token's signing input, in bytes.
    private let signedCounts: [Int]
    private let bodies: [[UInt8]]
    private let bodyData: [Data]
    private let head: [UInt8]
    private let now = UnixTime.now()
    private let decoder = JSONDecoder()

    private static let tokenCount = 1_000
    private static let secret = Array("a secret for measurements, longer than 32 bytes".utf8)

    /// The body as a program with Foundation decodes it.
    private struct Body: Decodable {
        let amount: Int
        let currency: String
        let token: String
    }

    init() throws {
        verifier = try HMACTokenVerifier(secret: Material.secret)
        let issuer = try TokenIssuer(secret: Material.secret)
        let texts = (1...Material.tokenCount).map { userID in
            issuer.issue(
                userID: userID, username: "user-\(userID)",
                expiresAt: UnixTime(seconds: 4_102_444_800))
        }
        tokens = texts.map { Array($0.utf8) }
        signedCounts = tokens.map { ($0.lastIndex(of: UInt8(ascii: ".")) ?? 0) }
        bodies = texts.map {
            Array("{\"amount\":100,\"currency\":\"USD\",\"token\":\"\($0)\"}".utf8)
        }
        bodyData = bodies.map { Data($0) }
        head = Array(
            ("POST /transaction HTTP/1.1\r\nHost: 127.0.0.1:5000\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(bodies[0].count)\r\n\r\n")
                .utf8)
    }

    /// Checks the cases: libcrypto's codes equal the tokens' signatures.
    func check() throws {
        BareMAC.prepare(Material.secret)
        let signature = (signedCounts[0] + 1)..<tokens[0].count
        let token = tokens[0]
        let expected = Base64URL.decode(signature, of: token.span)
        for mac in BareMAC.allCases {
            let code = mac.code(of: token, count: signedCounts[0])
            precondition(code.indices.map { code[$0] } == expected, "the code is no signature")
        }
        let claims = try verifier.verify(token.span, at: now)
        precondition(claims.userID == 1, "the token has another user id")
    }

    static func transaction() -> Transaction {
        guard let amount = Amount(100), let currency = CurrencyCode("USD") else {
            preconditionFailure("100 USD is refused")
        }
        return Transaction(
            queued: .random(), amount: amount, currency: currency, userID: 1, createdAt: .now(),
            traceParent: nil, traceState: nil)
    }

    // MARK: - Cases

    func verify(_ call: Int) -> Int {
        let token = tokens[call]
        let span = token.span
        do { return try verifier.verify(span, at: now).userID } catch {
            preconditionFailure("\(error)")
        }
    }

    /// The MAC of the token's signing input, without the rest of a verification.
    func mac(_ call: Int, _ mac: BareMAC) -> Int {
        let code = mac.code(of: tokens[call], count: signedCounts[call])
        return Int(code[0]) + Int(code[31]) + 1
    }

    func readJSON(_ call: Int) -> Int {
        let body = bodies[call]
        do {
            return try TransactionRequest(json: body.span).fields().0.minorUnits
        } catch {
            preconditionFailure("\(error)")
        }
    }

    func readJSONByFoundation(_ call: Int) -> Int {
        do { return try decoder.decode(Body.self, from: bodyData[call]).amount } catch {
            preconditionFailure("\(error)")
        }
    }

    func parseHead(_ call: Int) -> Int {
        var parser = RequestParser(limits: HTTPLimits())
        do {
            let isWhole = try parser.parse(head.span)
            precondition(isWhole, "the head is incomplete")
        } catch {
            preconditionFailure("\(error)")
        }
        return parser.head.byteCount
    }
}
