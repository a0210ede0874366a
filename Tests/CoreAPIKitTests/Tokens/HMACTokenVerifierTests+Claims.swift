import CoreAPIKit
import Testing

@testable import CoreAPIBase

/// The rules for the claims of a token.
extension HMACTokenVerifierTests {
    @Test(arguments: [
        "", "[]", "null", "{", #"{"user_id":1,"user_id":1,"enabled":true,"exp":1700000030}"#,
        #"{"user_id":1,"enabled":false,"enabled":true,"exp":1700000030}"#,
        #"{"user_id":1,"enabled":true,"exp":1,"exp":1700000030}"#,
        #"{"user_id":1,"enabled":true,"exp":1700000030,"x":1,"\u0078":2}"#,
    ])
    func `the payload is one JSON object with unique names`(payload: String) {
        #expect(error(payload: payload) == .malformed(.payloadNotObject))
    }

    /// Names after the first ones are compared in another way.
    @Test func `of many names each is unique`() {
        for count in 1...16 {
            let names = (0..<count).map { #""name \#($0)":0"# }
            let all = [String(claims().dropFirst().dropLast())] + names
            #expect(error(payload: "{\(all.joined(separator: ","))}") == nil, "\(count)")
            for name in all {
                let twice = (all + [name]).joined(separator: ",")
                #expect(
                    error(payload: "{\(twice)}") == .malformed(.payloadNotObject),
                    "\(name) after \(count)")
            }
        }
    }

    @Test func `exp is required, and is a number`() {
        #expect(error(payload: #"{"user_id":1,"enabled":true}"#) == .claimInvalid(.expiry))
        for value in ["null", "\"1700000030\"", "true", "[]", "{}", "1e400"] {
            #expect(error(payload: claims(exp: value)) == .claimInvalid(.expiry), "\(value)")
        }
        for value in ["1700000030.5", "1.70000003e9", "4102444800"] {
            #expect(error(payload: claims(exp: value)) == nil, "\(value)")
        }
    }

    @Test func `a token ends when its time has come, not later (RFC 7519 §4.1.4)`() {
        let text = token(payload: claims(exp: "1700000000"))
        #expect(error(text, at: UnixTime(nanoseconds: 1_699_999_999_999_000_000)) == nil)
        #expect(error(text, at: UnixTime(seconds: 1_700_000_000)) == .expired)
        #expect(error(text, at: UnixTime(seconds: 1_700_000_001)) == .expired)
        let fraction = token(payload: claims(exp: "1700000000.5"))
        #expect(error(fraction, at: UnixTime(nanoseconds: 1_700_000_000_400_000_000)) == nil)
        #expect(error(fraction, at: UnixTime(nanoseconds: 1_700_000_000_500_000_000)) == .expired)
        #expect(error(payload: claims(exp: "0")) == .expired)
        #expect(error(payload: claims(exp: "-1")) == .expired)
    }

    @Test func `the leeway allows for skewed clocks, and ends`() throws {
        let policy = try TokenPolicy(leeway: .seconds(10))
        let text = token(payload: claims(",\"nbf\":1700000000", exp: "1700000030"))
        #expect(error(text, policy: policy, at: UnixTime(seconds: 1_700_000_039)) == nil)
        #expect(error(text, policy: policy, at: UnixTime(seconds: 1_700_000_040)) == .expired)
        #expect(error(text, policy: policy, at: UnixTime(seconds: 1_699_999_990)) == nil)
        #expect(error(text, policy: policy, at: UnixTime(seconds: 1_699_999_989)) == .notYetValid)
    }

    @Test func `nbf is honoured, and iat is a number`() {
        #expect(error(payload: claims(",\"nbf\":1700000001")) == .notYetValid)
        #expect(error(payload: claims(",\"nbf\":1700000000")) == nil)
        #expect(error(payload: claims(",\"nbf\":\"1\"")) == .claimInvalid(.notBefore))
        #expect(error(payload: claims(",\"nbf\":null")) == .claimInvalid(.notBefore))
        #expect(error(payload: claims(",\"iat\":\"1\"")) == .claimInvalid(.issuedAt))
        #expect(error(payload: claims(",\"iat\":null")) == .claimInvalid(.issuedAt))
        #expect(error(payload: claims(",\"iat\":1699999999.25")) == nil)
    }

    @Test func `the lifetime may be bounded`() throws {
        let policy = try TokenPolicy(leeway: .zero, lifetimeMax: .seconds(30))
        #expect(error(payload: claims(exp: "1700000030"), policy: policy) == nil)
        #expect(
            error(payload: claims(exp: "1700000031"), policy: policy) == .claimInvalid(.lifetime))
    }

    @Test(arguments: [
        "null", "\"1\"", "true", "1.0", "1e0", "-1", "9007199254740992", "99999999999999999999",
        "[]", "{}",
    ])
    func `user_id is an integer from 0 to 2^53-1`(value: String) {
        let payload = #"{"user_id":\#(value),"enabled":true,"exp":1700000030}"#
        #expect(error(payload: payload) == .claimInvalid(.userID))
    }

    @Test func `user_id has its bounds, and is required`() {
        for value in ["0", "9007199254740991"] {
            #expect(
                error(payload: #"{"user_id":\#(value),"enabled":true,"exp":1700000030}"#) == nil)
        }
        #expect(error(payload: #"{"enabled":true,"exp":1700000030}"#) == .claimInvalid(.userID))
    }

    @Test func `enabled is a boolean, and required`() {
        for value in ["null", "1", "\"true\"", "[]"] {
            let payload = #"{"user_id":1,"enabled":\#(value),"exp":1700000030}"#
            #expect(error(payload: payload) == .claimInvalid(.enabled), "\(value)")
        }
        #expect(error(payload: #"{"user_id":1,"exp":1700000030}"#) == .claimInvalid(.enabled))
    }

    @Test func `an audience that is not asked for is refused (RFC 7519 §4.1.3)`() {
        for value in ["\"core\"", "[]", "[\"core\"]", "null", "\"\""] {
            #expect(error(payload: claims(",\"aud\":\(value)")) == .claimInvalid(.audience))
        }
    }

    @Test(arguments: [
        (#"{"aud":"core"}"#, true), (#"{"aud":["other","core"]}"#, true),
        (#"{"aud":["c\u006fre"]}"#, true),
        (#"{"aud":"Core"}"#, false), (#"{"aud":[]}"#, false), (#"{"aud":["other"]}"#, false),
        (#"{"aud":["core",1]}"#, false), (#"{"aud":[["core"]]}"#, false),
        (#"{"aud":{"core":"core"}}"#, false),
        (#"{"aud":1}"#, false), (#"{}"#, false),
    ])
    func `an audience that is asked for must be named`(aud: String, isAccepted: Bool) {
        let inner = aud.dropFirst().dropLast()
        let payload = claims(inner.isEmpty ? "" : "," + inner)
        let found = error(payload: payload, policy: TokenPolicy(audience: "core"))
        #expect(found == (isAccepted ? nil : .claimInvalid(.audience)))
    }

    @Test func `an issuer that is asked for must be named`() {
        let policy = TokenPolicy(issuer: "auth")
        #expect(error(payload: claims(",\"iss\":\"auth\""), policy: policy) == nil)
        for more in ["", ",\"iss\":\"Auth\"", ",\"iss\":[\"auth\"]", ",\"iss\":null"] {
            #expect(
                error(payload: claims(more), policy: policy) == .claimInvalid(.issuer), "\(more)")
        }
        #expect(error(payload: claims(",\"iss\":\"anybody\"")) == nil)
    }
}
