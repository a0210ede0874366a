import CoreAPIKit
import Testing

@testable import CoreAPIBase

/// The checklist of RFC 7515, 7518, 7519 and 8725, line by line. Every token here is signed with
/// the right secret unless the test is about the signature, so that each fails for its own reason.
@Suite struct HMACTokenVerifierTests {
    static let secret = "secret"
    static let header = #"{"typ":"JWT","alg":"HS256"}"#
    let now = UnixTime(seconds: 1_700_000_000)
    let issuer: TokenIssuer

    init() throws { issuer = try TokenIssuer(secret: Self.secret) }

    func claims(_ more: String = "", exp: String = "1700000030") -> String {
        #"{"user_id":1,"username":"alice","enabled":true,"exp":\#(exp)\#(more)}"#
    }

    func token(header: String = header, payload: String) -> String {
        issuer.sign(header: Array(header.utf8), payload: Array(payload.utf8))
    }

    /// Nil if the token is believed, otherwise why not.
    func error(
        _ token: String, policy: TokenPolicy = TokenPolicy(), at time: UnixTime? = nil,
        secret: String = secret
    ) -> TokenError? {
        do {
            _ = try HMACTokenVerifier(secret: secret, policy: policy).verify(token, at: time ?? now)
            return nil
        } catch let error as TokenError {
            return error
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    func error(
        payload: String, policy: TokenPolicy = TokenPolicy(), at time: UnixTime? = nil
    ) -> TokenError? {
        error(token(payload: payload), policy: policy, at: time)
    }

    // MARK: - Accepted

    @Test func `a token of the Auth API is believed`() throws {
        let text = issuer.issue(
            userID: 7, username: "alice", expiresAt: UnixTime(seconds: 1_700_000_030))
        let claims = try HMACTokenVerifier(secret: "secret").verify(text, at: now)
        #expect(claims == TokenClaims(validUserID: 7, isEnabled: true))
    }

    @Test func `a disabled user's token is believed, and says so`() throws {
        let text = issuer.issue(
            userID: 7, username: "bob", isEnabled: false,
            expiresAt: UnixTime(seconds: 1_700_000_030))
        #expect(try HMACTokenVerifier(secret: "secret").verify(text, at: now).isEnabled == false)
    }

    @Test func `a token that PyJWT 2 made is believed`() throws {
        // jwt.encode({"user_id": 1, "username": "alice", "enabled": True, "exp": 1700000030},
        // "secret")
        let text =
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
            + "eyJ1c2VyX2lkIjoxLCJ1c2VybmFtZSI6ImFsaWNlIiwiZW5hYmxlZCI6dHJ1ZSwi"
            + "ZXhwIjoxNzAwMDAwMDMwfQ."
            + "D-oh8te-s8PWBKC_dIKCDGgFmk74-YAmJVtwquGYTUk"
        #expect(try HMACTokenVerifier(secret: "secret").verify(text, at: now).userID == 1)
    }

    /// The key and token of RFC 7515 §A.1, whose claims are not ours: its signature is right.
    @Test func `the signature of RFC 7515 appendix A is right`() throws {
        let keyText = Array(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
                .utf8)
        let decoded = Base64URL.decode(0..<keyText.count, of: keyText.span)
        let key = try #require(decoded)
        let text =
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
            + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
            + "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
            + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        #expect(throws: TokenError.claimInvalid(.userID)) {
            try HMACTokenVerifier(secret: key).verify(text, at: UnixTime(seconds: 1_300_000_000))
        }
    }

    @Test func `a secret is bytes of any length, and need not be UTF-8`() throws {
        for length in [1, 31, 32, 63, 64, 65, 200] {
            let secret = [UInt8](repeating: 0xFF, count: length)
            let text = try TokenIssuer(secret: secret).issue(
                userID: 1, username: "a", expiresAt: UnixTime(seconds: 1_700_000_030))
            #expect(try HMACTokenVerifier(secret: secret).verify(text, at: now).userID == 1)
            let other = secret.dropLast() + [0xFE]
            #expect(throws: TokenError.signatureInvalid) {
                try HMACTokenVerifier(secret: Array(other)).verify(text, at: now)
            }
        }
        #expect(throws: SecretError.empty) { try HMACTokenVerifier(secret: "") }
        #expect(throws: SecretError.empty) { try TokenIssuer(secret: "") }
    }

    // MARK: - Algorithms and header

    @Test(arguments: [
        #"{"alg":"none"}"#, #"{"alg":"None"}"#, #"{"alg":"NONE"}"#, #"{"alg":"nOnE","typ":"JWT"}"#,
        #"{"alg":"HS384"}"#, #"{"alg":"HS512"}"#, #"{"alg":"RS256"}"#, #"{"alg":"ES256"}"#,
        #"{"alg":"hs256"}"#, #"{"alg":""}"#, #"{"alg":1}"#, #"{"alg":null}"#, #"{"alg":["HS256"]}"#,
        #"{"typ":"JWT"}"#, "{}",
    ])
    func `the verifier fixes the algorithm: any other one, and none in any case, is refused`(
        header: String
    ) {
        let valid = token(header: header, payload: claims())
        #expect(error(valid) == .malformed(.algorithm))
        let unsigned = valid.split(separator: ".").prefix(2).joined(separator: ".") + "."
        #expect(error(unsigned) == .malformed(.algorithm))
    }

    @Test(arguments: [#"["exp"]"#, "[]", #"["b64"]"#, #""exp""#, "null", #"["exp","exp"]"#])
    func `crit is refused, whatever it lists`(crit: String) {
        let header = #"{"alg":"HS256","crit":\#(crit),"exp":1}"#
        #expect(error(token(header: header, payload: claims())) == .malformed(.critical))
    }

    @Test(arguments: ["false", "true", "null"])
    func `b64 is refused`(value: String) {
        let header = #"{"alg":"HS256","b64":\#(value)}"#
        #expect(error(token(header: header, payload: claims())) == .malformed(.unencodedPayload))
    }

    @Test func `a key in the header is never used, and kid chooses nothing`() throws {
        let attacker = try TokenIssuer(secret: "attacker")
        for member in [
            #""jwk":{"kty":"oct","k":"YXR0YWNrZXI"}"#, #""jku":"https://attacker.example/jwks""#,
            #""x5u":"https://attacker.example/cert""#, #""x5c":["MIIB"]"#,
            #""kid":"../../dev/null""#,
        ] {
            let header = Array(#"{"alg":"HS256",\#(member)}"#.utf8)
            let forged = attacker.sign(header: header, payload: Array(claims().utf8))
            #expect(error(forged) == .signatureInvalid)
            let honest = issuer.sign(header: header, payload: Array(claims().utf8))
            #expect(error(honest) == nil)
        }
    }

    @Test(arguments: [
        (#""JWT""#, true), (#""jwt""#, true), (#""at+jwt""#, false), (#""JWS""#, false),
        (#""application/jwt""#, true), (#""application/JWT""#, true), (#""APPLICATION/Jwt""#, true),
        (#""application\/jwt""#, true), (#""\u004aWT""#, true),
        (#""text/jwt""#, false), (#""application/at+jwt""#, false), (#""/jwt""#, false),
        (#""application/""#, false), (#""application/jwt;v=1""#, false), (#"" JWT""#, false),
        (#""application/application/jwt""#, false), (#""JWT\ud800""#, false),
        (#""""#, false),
        ("1", false), ("null", false),
    ])
    func `typ is absent, JWT or application/jwt (RFC 7515 §4.1.9)`(type: String, isAccepted: Bool) {
        let text = token(header: #"{"alg":"HS256","typ":\#(type)}"#, payload: claims())
        #expect(error(text) == (isAccepted ? nil : .malformed(.type)))
        #expect(error(token(header: #"{"alg":"HS256"}"#, payload: claims())) == nil)
    }

    @Test(arguments: [
        "", "[]", "1", "null", #""x""#, #"{"alg":"HS256""#, #"{"alg":"HS256"} x"#,
        #"{"alg":"HS256",}"#,
        #"{"alg":"HS256","alg":"none"}"#, #"{"alg":"none","alg":"HS256"}"#,
        #"{"alg":"HS256","\u0061lg":"HS256"}"#,
        #"{"alg":"HS256","k\u0069d":"a"}"#, #"{"\u0061lg":"HS256"}"#,
        #"{"alg":"HS256","kid":"a","kid":"b"}"#, "\u{FEFF}{\"alg\":\"HS256\"}",
    ])
    func `the header is one JSON object with unique names`(header: String) {
        #expect(error(token(header: header, payload: claims())) == .malformed(.headerNotObject))
    }

    @Test func `nothing of an unsigned header is read`() throws {
        let attacker = try TokenIssuer(secret: "attacker")
        let members = (0..<63).map { index in
            let letter = Character(Unicode.Scalar(UInt8(65 + index)))
            return "\"\(String(repeating: "\\n", count: 43))\(letter)\":0"
        }
        for header in [
            "{\(members.joined(separator: ","))}", #"{"alg":"none"}"#, "not even JSON", "",
            #"{"alg":"HS256","crit":["exp"]}"#,
        ] {
            let forged = attacker.sign(header: Array(header.utf8), payload: Array(claims().utf8))
            #expect(error(forged) == .signatureInvalid, "\(header)")
        }
    }

    @Test func `half of a surrogate pair is refused in the claims that are looked at alone`() {
        for more in [#","x":"\ud834""#, #","\udd1e":1"#, #","x":["\ud834",{"\ud834":0}]"#] {
            #expect(error(payload: claims(more)) == nil, "\(more)")
        }
        #expect(error(payload: claims(#","\ud834":1,"\uD834":2"#)) == .malformed(.payloadNotObject))
        #expect(error(payload: claims(#","exp":"\ud834""#)) == .malformed(.payloadNotObject))
        let policy = TokenPolicy(audience: "core", issuer: "auth")
        for more in [#","iss":"auth\ud834","aud":"core""#, #","iss":"auth","aud":"core\ud834""#] {
            #expect(error(payload: claims(more), policy: policy) != nil, "\(more)")
        }
    }

    @Test func `a claim's name may be spelt with escape sequences`() {
        let payload = #"{"user\u005fid":1,"na\u00efve":2,"enabled":true,"exp":1700000030}"#
        #expect(error(payload: payload) == nil)
    }

    @Test func `header and payload are UTF-8`() {
        let bad = [UInt8]("{\"alg\":\"HS256\",\"kid\":\"".utf8) + [0xFF] + "\"}".utf8
        #expect(
            error(issuer.sign(header: bad, payload: Array(claims().utf8)))
                == .malformed(.headerNotObject))
        let payload = [UInt8]("{\"user_id\":1,\"x\":\"".utf8) + [0xC0, 0x80] + "\"}".utf8
        let text = issuer.sign(header: Array(Self.header.utf8), payload: payload)
        #expect(error(text) == .malformed(.payloadNotObject))
    }

    @Test func `an object with more members than any token has is refused`() {
        let members = (0..<65).map { "\"m\($0)\":0" }.joined(separator: ",")
        #expect(
            error(token(header: "{\(members)}", payload: claims())) == .malformed(.headerNotObject))
    }

    // MARK: - Form

    @Test func `there are exactly two dots`() {
        let valid = token(payload: claims())
        let parts = valid.split(separator: ".").map(String.init)
        for text in [
            "", ".", "..", "...", parts[0], "\(parts[0]).\(parts[1])", "\(valid).", ".\(valid)",
            "\(valid).\(parts[2])", parts.joined(), "\(parts[0])..\(parts[1]).\(parts[2])",
        ] { #expect(error(text) != nil, "\(text)") }
        #expect(error("\(parts[0]).\(parts[1])") == .malformed(.notThreeParts))
        #expect(error("\(valid).") == .malformed(.notThreeParts))
    }

    @Test func `padding, white space and other characters are refused in every part`() {
        let parts = token(payload: claims()).split(separator: ".").map(String.init)
        for insert in ["=", "==", " ", "\n", "\t", "+", "/", "é", "\u{0}", "%41"] {
            for index in 0..<3 {
                for changed in [parts[index] + insert, insert + parts[index]] {
                    var wrong = parts
                    wrong[index] = changed
                    let found = error(wrong.joined(separator: "."))
                    // A wrong payload is not looked at before its signature, which then is wrong.
                    #expect(found == (index == 1 ? .signatureInvalid : .malformed(.notBase64URL)))
                }
            }
        }
    }

    @Test func `a signed payload with another spelling is refused`() {
        // {"a":1} is 7 bytes: the last digit has unused bits.
        let header = Base64URL.encode(Array(Self.header.utf8).span)
        for spelling in ["eyJhIjoxfQ==", "eyJhIjoxfR", "eyJhIjoxfQ="] {
            let input = String(decoding: header, as: UTF8.self) + "." + spelling
            let text = issuer.signed(input)
            #expect(error(text) == .malformed(.notBase64URL), "\(spelling)")
        }
    }

    @Test func `the signature's unused bits are zero`() {
        let valid = token(payload: claims())
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let last = alphabet.firstIndex(of: valid.last!)!
        #expect(last % 4 == 0)
        for bits in 1...3 {
            let respelt = valid.dropLast() + String(alphabet[last + bits])
            #expect(error(String(respelt)) == .malformed(.notBase64URL))
        }
    }

    @Test func `a token has at most 8 KiB`() {
        func padded(to count: Int) -> String {
            let name = String(repeating: "x", count: count)
            return token(payload: claims(",\"pad\":\"\(name)\""))
        }
        let base = padded(to: 0).utf8.count
        let room = (8 * 1024 - base) * 3 / 4
        #expect(padded(to: room - 3).utf8.count <= 8 * 1024)
        #expect(error(padded(to: room - 3)) == nil)
        #expect(error(padded(to: room + 3)) == .malformed(.tooLong))
        #expect(error(String(repeating: ".", count: 1_000_000)) == .malformed(.tooLong))
    }

    // MARK: - Signature

    @Test func `a change of any byte is noticed`() throws {
        let valid = Array(token(payload: claims()).utf8)
        let verifier = try HMACTokenVerifier(secret: Self.secret)
        for index in valid.indices {
            var changed = valid
            changed[index] =
                changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(throws: TokenError.self) { try verifier.verify(changed.span, at: now) }
        }
    }

    @Test func `a signature of another length is refused`() {
        let parts = token(payload: claims()).split(separator: ".").map(String.init)
        for signature in ["", String(parts[2].dropLast(3)), parts[2] + "AAAA", "AAAA"] {
            #expect(error("\(parts[0]).\(parts[1]).\(signature)") == .signatureInvalid)
        }
    }

    @Test func `another secret's signature is refused`() {
        #expect(error(token(payload: claims()), secret: "Secret") == .signatureInvalid)
    }

    @Test func `the signature is checked before the payload is believed`() throws {
        let forged = try TokenIssuer(secret: "attacker").sign(
            header: Array(Self.header.utf8), payload: Array("not even JSON".utf8))
        #expect(error(forged) == .signatureInvalid)
        #expect(error(payload: "not even JSON") == .malformed(.payloadNotObject))
    }

    @Test func `a fake accepts the given tokens only`() throws {
        let alice = try TokenClaims(userID: 1, isEnabled: true)
        let fake = FixedTokenVerifier(["alice": alice])
        #expect(try fake.verify("alice", at: now) == alice)
        #expect(throws: TokenError.signatureInvalid) { try fake.verify("bob", at: now) }
    }
}
