import Synchronization
import TestKeys
import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit

/// How a token selects among keys, and how a secret and a key set go together.
@Suite struct KeySetTokenVerifierTests {
    private static let now = UnixTime(seconds: 1_700_000_000)
    private static let secret = "a secret of more than thirty-two bytes"

    private func token(
        _ pem: String, kid: String? = nil, algorithm: TokenAlgorithm? = nil
    ) throws -> String {
        try TokenIssuer(privateKey: Array(pem.utf8), algorithm: algorithm, keyID: kid).issue(
            userID: 7, username: "alice", expiresAt: UnixTime(seconds: 1_700_000_030))
    }

    private func error(_ token: String, _ verifier: any TokenVerifier) -> TokenError? {
        do throws(TokenError) {
            _ = try verifier.verify(token, at: Self.now)
            return nil
        } catch {
            return error
        }
    }

    private func set(_ keys: (String, kid: String?)...) throws -> JSONWebKeySet {
        let keys = try keys.map { pem, kid in
            try KeySetMaterial.webKey(pem, members: kid.map { "\"kid\":\"\($0)\"" } ?? "")
        }
        return try JSONWebKeySet(parsing: #"{"keys":[\#(keys.joined(separator: ","))]}"#)
    }

    // MARK: - Selection

    @Test func `a kid selects its key and no other`() throws {
        let (one, two) = (TestKeys.p256, TestKeys.other256)
        let verifier = KeySetTokenVerifier(keySet: try set((one, kid: "1"), (two, kid: "2")))
        #expect(error(try token(one, kid: "1"), verifier) == nil)
        #expect(error(try token(two, kid: "2"), verifier) == nil)
        #expect(error(try token(two, kid: "1"), verifier) == .signatureInvalid)
        for kid in ["3", "", "1 ", "1\u{0}", "\u{FF11}"] {
            #expect(error(try token(one, kid: kid), verifier) == .keyUnknown)
        }
    }

    @Test func `a token without a kid is tried with each key of its algorithm`() throws {
        let verifier = KeySetTokenVerifier(
            keySet: try set(
                (TestKeys.rsa, kid: "1"), (TestKeys.p256, kid: "2"),
                (TestKeys.other256, kid: nil)))
        #expect(error(try token(TestKeys.rsa), verifier) == nil)
        #expect(error(try token(TestKeys.other256), verifier) == nil)
        #expect(error(try token(TestKeys.p384), verifier) == .signatureInvalid)
    }

    @Test func `a key without a kid serves no token that has one`() throws {
        let verifier = KeySetTokenVerifier(keySet: try set((TestKeys.p256, kid: nil)))
        #expect(error(try token(TestKeys.p256), verifier) == nil)
        #expect(error(try token(TestKeys.p256, kid: "1"), verifier) == .keyUnknown)
    }

    @Test func `keys of the same kid are all tried`() throws {
        let (one, two) = (TestKeys.p256, TestKeys.other256)
        let verifier = KeySetTokenVerifier(
            keySet: try set((one, kid: "a"), (two, kid: "a"), (TestKeys.ed25519, kid: "a")))
        for pem in [one, two, TestKeys.ed25519] {
            #expect(error(try token(pem, kid: "a"), verifier) == nil)
        }
    }

    @Test func `a token is tried with a bounded number of keys`() throws {
        let (one, two) = (TestKeys.p256, TestKeys.other256)
        let key = try KeySetMaterial.webKey(one)
        let last = try KeySetMaterial.webKey(two)
        for (count, isTried) in [(KeySetTokenVerifier.attemptsMax - 1, true), (4, false)] {
            let keys = [String](repeating: key, count: count) + [last]
            let set = try JSONWebKeySet(parsing: #"{"keys":[\#(keys.joined(separator: ","))]}"#)
            let verifier = KeySetTokenVerifier(keySet: set)
            #expect(error(try token(two), verifier) == (isTried ? nil : .signatureInvalid))
        }
    }

    @Test func `the allow-list decides which algorithms are believed`() throws {
        let keys = try set((TestKeys.rsa, kid: nil), (TestKeys.ed25519, kid: nil))
        let verifier = KeySetTokenVerifier(keySet: keys, algorithms: [.ps256, .edDSA, .hs256])
        let refused = TokenError.malformed(.algorithmNotAccepted)
        for algorithm in [TokenAlgorithm.rs256, .rs384, .rs512, .ps384, .ps512] {
            #expect(error(try token(TestKeys.rsa, algorithm: algorithm), verifier) == refused)
        }
        #expect(error(try token(TestKeys.rsa, algorithm: .ps256), verifier) == nil)
        #expect(error(try token(TestKeys.ed25519, algorithm: .edDSA), verifier) == nil)
        #expect(error(try token(TestKeys.ed25519), verifier) == refused)
    }

    @Test(arguments: [
        (#"{"alg":"ES256","kid":1}"#, TokenError.Flaw.keyID),
        (#"{"alg":"ES256","kid":null}"#, .keyID),
        (#"{"alg":"none"}"#, .algorithmNotAccepted), (#"{"alg":"NONE"}"#, .algorithmNotAccepted),
        (#"{"alg":""}"#, .algorithmNotAccepted), (#"{"alg":null}"#, .algorithmNotAccepted),
        (#"{"alg":["ES256"]}"#, .algorithmNotAccepted), (#"{"typ":"JWT"}"#, .algorithmNotAccepted),
        (#"{"alg":"HS256"}"#, .algorithmNotAccepted), (#"{"alg":"HS384"}"#, .algorithmNotAccepted),
        (#"{"alg":"es256"}"#, .algorithmNotAccepted), (#"{"alg":"ES256K"}"#, .algorithmNotAccepted),
        (#"{"alg":"ES256","crit":["exp"]}"#, .critical), (#"{"alg":"ES256","crit":[]}"#, .critical),
        (#"{"alg":"ES256","b64":false}"#, .unencodedPayload),
        (#"{"alg":"ES256","typ":"at+jwt"}"#, .type),
        (#"{"alg":"ES256","alg":"ES256"}"#, .headerNotObject), ("[]", .headerNotObject),
    ])
    func `a header that asks for anything else is refused`(
        header: String, flaw: TokenError.Flaw
    ) throws {
        let issuer = try TokenIssuer(privateKey: Array(TestKeys.p256.utf8))
        let token = issuer.sign(header: Array(header.utf8), payload: Array("{}".utf8))
        let keys = try set((TestKeys.p256, kid: nil))
        #expect(error(token, KeySetTokenVerifier(keySet: keys)) == .malformed(flaw))
    }

    @Test func `a key inside a token is never used`() throws {
        let issuer = try TokenIssuer(privateKey: Array(TestKeys.other256.utf8))
        let own = try KeySetMaterial.webKey(TestKeys.other256)
        let verifier = KeySetTokenVerifier(keySet: try set((TestKeys.p256, kid: nil)))
        for member in [#""jwk":\#(own)"#, #""jku":"https://a/""#, #""x5u":"https://a/""#] {
            let header = #"{"alg":"ES256",\#(member)}"#
            let token = issuer.sign(header: Array(header.utf8), payload: Array("{}".utf8))
            #expect(error(token, verifier) == .signatureInvalid)
        }
    }

    // MARK: - A secret and a key set

    private func joined(
        _ keys: KeySetAvailability, algorithms: Set<TokenAlgorithm>? = nil,
        secrets: [String] = [secret], keyUnknown: (@Sendable () -> Void)? = nil
    ) throws -> any TokenVerifier {
        try TokenVerifiers.verifier(
            secrets: secrets.map { Array($0.utf8) }, keys: keys, algorithms: algorithms,
            policy: TokenPolicy(), keyUnknown: keyUnknown)
    }

    private func secretToken(header: String = #"{"typ":"JWT","alg":"HS256"}"#) throws -> String {
        let payload = #"{"user_id":7,"enabled":true,"exp":1700000030}"#
        return try TokenIssuer(secret: Self.secret).sign(
            header: Array(header.utf8), payload: Array(payload.utf8))
    }

    @Test func `a secret and a key set are believed side by side`() throws {
        let counter = Counter()
        let keys = try set((TestKeys.p256, kid: "1"), (TestKeys.rsa, kid: nil))
        let verifier = try joined(.available(keys)) { counter.value.add(1, ordering: .relaxed) }
        #expect(error(try secretToken(), verifier) == nil)
        let named = #"{"alg":"HS256","kid":"1","typ":"JWT"}"#
        #expect(error(try secretToken(header: named), verifier) == nil)
        #expect(error(try token(TestKeys.p256, kid: "1"), verifier) == nil)
        #expect(error(try token(TestKeys.rsa), verifier) == nil)
        #expect(counter.value.load(ordering: .relaxed) == 0)
        #expect(error(try token(TestKeys.p256, kid: "2"), verifier) == .keyUnknown)
        #expect(counter.value.load(ordering: .relaxed) == 1)
    }

    @Test func `tokens wait for a key set that is away, unless the secret signed them`() throws {
        for secrets in [[Self.secret], []] {
            let verifier = try joined(.unavailable, secrets: secrets)
            #expect(error(try token(TestKeys.p256), verifier) == .keysUnavailable)
            #expect(error(try token(TestKeys.rsa, kid: "1"), verifier) == .keysUnavailable)
            let expected = secrets.isEmpty ? TokenError.malformed(.algorithmNotAccepted) : nil
            #expect(error(try secretToken(), verifier) == expected)
        }
        let verifier = try joined(.unavailable, algorithms: [.hs256, .es384])
        let refused = TokenError.malformed(.algorithmNotAccepted)
        #expect(error(try token(TestKeys.p256), verifier) == refused)
    }

    @Test func `without a key set, other algorithms have the answer they always had`() throws {
        let verifier = try joined(.notConfigured)
        #expect(error(try secretToken(), verifier) == nil)
        #expect(error(try token(TestKeys.p256), verifier) == .malformed(.algorithm))
        #expect(throws: SecretError.missing) { try joined(.notConfigured, secrets: []) }
    }

    @Test func `HS256 is refused where the allow-list lacks it`() throws {
        let keys = try set((TestKeys.p256, kid: nil))
        let verifier = try joined(.available(keys), algorithms: [.es256])
        #expect(error(try secretToken(), verifier) == .malformed(.algorithmNotAccepted))
        #expect(error(try token(TestKeys.p256), verifier) == nil)
    }

    @Test func `a paced verifier asks before each slow token, and before no other`() throws {
        let keys = try set((TestKeys.p256, kid: nil))
        let (asked, mayVerify) = (Counter(), Counter())
        let both = try #require(try joined(.available(keys)) as? any PacedTokenVerifier)
        let paced = both.paced {
            asked.value.add(1, ordering: .relaxed)
            return mayVerify.value.load(ordering: .relaxed) > 0
        }
        #expect(error(try secretToken(), paced) == nil)
        #expect(error(try token(TestKeys.p384, kid: "1"), paced) == .keyUnknown)
        #expect(asked.value.load(ordering: .relaxed) == 0)
        #expect(error(try token(TestKeys.p256), paced) != nil)
        mayVerify.value.add(1, ordering: .relaxed)
        #expect(error(try token(TestKeys.p256), paced) == nil)
        #expect(asked.value.load(ordering: .relaxed) == 2)
    }

    private final class Counter: Sendable {
        let value = Atomic(0)
    }
}
