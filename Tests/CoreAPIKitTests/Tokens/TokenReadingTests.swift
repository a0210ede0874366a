import CoreAPIKit
import Testing

/// Which parts of a token are parsed, and when: nothing before the signature is verified, and only
/// the claims that are checked.
@Suite struct TokenReadingTests {
    private let now = UnixTime(seconds: 1_700_000_000)

    private func claims(_ more: String = "") -> String {
        #"{"user_id":1,"enabled":true,"exp":1700000030\#(more)}"#
    }

    /// Nil if the token is believed, otherwise why not.
    private func error(
        header: String = #"{"alg":"HS256"}"#, payload: String, signedBy secret: String = "secret",
        policy: TokenPolicy = TokenPolicy()
    ) throws -> TokenError? {
        let token = try TokenIssuer(secret: secret).sign(
            header: Array(header.utf8), payload: Array(payload.utf8))
        let verifier = try HMACTokenVerifier(secret: "secret", policy: policy)
        do throws(TokenError) {
            _ = try verifier.verify(token, at: now)
            return nil
        } catch { return error }
    }

    @Test func `nothing of an unsigned header is read`() throws {
        let escapes = String(repeating: "\\n", count: 43)
        let members = (0..<63).map {
            "\"\(escapes)\(Character(Unicode.Scalar(UInt8(35 + $0))))\":0"
        }
        for header in [
            "{\(members.joined(separator: ","))}", #"{"alg":"none"}"#, "not even JSON", "",
            #"{"alg":"HS256","crit":["exp"]}"#,
        ] {
            #expect(
                try error(header: header, payload: claims(), signedBy: "attacker")
                    == .signatureInvalid, "\(header)")
        }
    }

    @Test func `half of a surrogate pair is refused in the claims that are looked at alone`() throws
    {
        for more in [#","x":"\ud834""#, #","\udd1e":1"#, #","x":["\ud834",{"\ud834":0}]"#] {
            #expect(try error(payload: claims(more)) == nil, "\(more)")
        }
        #expect(
            try error(payload: claims(#","\ud834":1,"\uD834":2"#)) == .malformed(.payloadNotObject))
        let policy = TokenPolicy(audience: "core", issuer: "auth")
        for (more, claim) in [
            (#","iss":"auth\ud834","aud":"core""#, TokenError.Claim.issuer),
            (#","iss":"auth","aud":"core\ud834""#, .audience),
        ] { #expect(try error(payload: claims(more), policy: policy) == .claimInvalid(claim)) }
    }

    @Test func `a claim's name may be spelt with escape sequences, and is there once`() throws {
        let payload = #"{"user\u005fid":1,"na\u00efve":2,"enabled":true,"exp":1700000030}"#
        #expect(try error(payload: payload) == nil)
        for twice in [#"{"a":1,"\u0061":2}"#, #"{"\u0061":1,"a":2}"#, #"{"\u0061":1,"\u0061":2}"#] {
            #expect(try error(payload: twice) == .malformed(.payloadNotObject), "\(twice)")
        }
    }

    @Test func `a fake accepts the given tokens only`() throws {
        let alice = TokenClaims(validUserID: 1, isEnabled: true)
        let fake = FixedTokenVerifier(["alice": alice])
        #expect(try fake.verify("alice", at: now) == alice)
        #expect(throws: TokenError.signatureInvalid) { try fake.verify("bob", at: now) }
    }
}
