internal import Foundation

@testable internal import CoreAPIBase
@testable internal import CoreAPIKit

/// A token's header and payload, parted by the first line feed, which are signed here so that the
/// payload is reached; and the same bytes as a token that was received.
enum TokenTarget {
    private static let now = UnixTime(seconds: 1_700_000_000)
    private static let header = Array(#"{"typ":"JWT","alg":"HS256"}"#.utf8)
    private static let policies = [
        TokenPolicy(),
        TokenPolicy(
            audience: "core-api", issuer: "auth-api", validLeeway: .seconds(5), .seconds(60)),
    ]

    static func run(_ bytes: [UInt8]) {
        do {
            for policy in policies {
                try runSigned(bytes, policy)
                try runReceived(bytes, policy)
            }
        } catch {
            demand(false, "a key cannot be used: \(error)")
        }
    }

    // MARK: - Signed

    private static func runSigned(
        _ bytes: [UInt8], _ policy: TokenPolicy
    ) throws(SecretError) {
        let parts = bytes.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
        let (header, payload) =
            parts.count == 2 ? (Array(parts[0]), parts[1]) : (header, bytes[...])
        let issuer = try TokenIssuer(secret: "secret")
        let token = Array(issuer.sign(header: header, payload: Array(payload)).utf8)
        let verifier = try HMACTokenVerifier(secret: "secret", policy: policy)
        let outcome = Outcome(verifier, token)
        demand(outcome.error != .signatureInvalid, "a signature is not believed")
        if let claims = outcome.claims { check(claims, header, payload, policy) }
        try checkForgeries(token, outcome, policy)
    }

    /// The claims of an accepted token equal Foundation's reading.
    private static func check(
        _ claims: TokenClaims, _ header: [UInt8], _ payload: ArraySlice<UInt8>,
        _ policy: TokenPolicy
    ) {
        if let header = object(header) {
            demand(header["alg"] as? String == "HS256", "alg: \(header)")
            demand(header["crit"] == nil && header["b64"] == nil, "an extension: \(header)")
        }
        guard let payload = object(Array(payload)) else { return }
        demand((payload["user_id"] as? NSNumber)?.intValue == claims.userID, "\(payload)")
        demand((payload["enabled"] as? NSNumber)?.boolValue == claims.isEnabled, "\(payload)")
        let (now, leeway) = (now.numericDate, policy.leewaySeconds)
        let expiry = demand((payload["exp"] as? NSNumber)?.doubleValue, "no exp: \(payload)")
        demand(now < expiry + leeway, "expired: \(payload)")
        if let notBefore = payload["nbf"] as? NSNumber {
            demand(notBefore.doubleValue - leeway <= now, "not yet valid: \(payload)")
        }
        if let lifetimeMax = policy.lifetimeSecondsMax {
            demand(expiry - now <= lifetimeMax + leeway, "too long: \(payload)")
        }
        let audiences = (payload["aud"] as? [String]) ?? (payload["aud"] as? String).map { [$0] }
        demand(
            policy.audience.map { audiences?.contains($0) ?? false } ?? (payload["aud"] == nil),
            "aud: \(payload)")
        if let issuer = policy.issuer { demand(payload["iss"] as? String == issuer, "iss") }
    }

    /// The object, which is one; nil if Foundation does not read it for a number's size.
    private static func object(_ bytes: [UInt8]) -> [String: Any]? {
        let value = try? JSONSerialization.jsonObject(with: Data(bytes))
        guard let value else {
            demand(
                JSONTarget.hasNumberBeyondDouble(bytes) || JSONTarget.hasSurrogateEscape(bytes),
                "a part is believed that is no JSON")
            return nil
        }
        return demand(value as? [String: Any], "a part is believed that is no object: \(value)")
    }

    /// A token with a changed byte or another key is refused.
    private static func checkForgeries(
        _ token: [UInt8], _ outcome: Outcome, _ policy: TokenPolicy
    ) throws(SecretError) {
        let verifier = try HMACTokenVerifier(secret: "secret", policy: policy)
        var derived = Derived(from: token)
        var changed = token
        let index = derived.number(below: token.count)
        changed[index] ^= UInt8(1 << derived.number(below: 8))
        demand(Outcome(verifier, changed).claims == nil, "a changed byte \(index) is believed")
        demand(Outcome(verifier, token.dropLast()).claims == nil, "a shorter token is believed")
        let other = Outcome(try HMACTokenVerifier(secret: "Secret", policy: policy), token)
        demand(other.claims == nil, "another key's token is believed")
        if outcome.claims != nil { demand(other.error == .signatureInvalid, "\(other)") }
    }

    // MARK: - Received

    /// The verifier accepts the bytes only if this key signed them.
    private static func runReceived(
        _ bytes: [UInt8], _ policy: TokenPolicy
    ) throws(SecretError) {
        let verifier = try HMACTokenVerifier(secret: "secret", policy: policy)
        let outcome = Outcome(verifier, bytes)
        if outcome.claims != nil {
            let text = String(decoding: bytes, as: UTF8.self)
            let end = demand(text.lastIndex(of: "."), "a token without a dot")
            let signed = try TokenIssuer(secret: "secret").signed(String(text[..<end]))
            demand(signed == text, "a token is believed that was not signed")
        }
        // A token is judged where it lies, between the other bytes of a request.
        let around = [UInt8](repeating: UInt8(ascii: "A"), count: 3)
        let within = (around + bytes + around).span.extracting(3..<(3 + bytes.count))
        demand(Outcome(verifier, within) == outcome, "the bytes around a token matter")
        for range in [0..<bytes.count, bytes.count / 2..<bytes.count] {
            guard let decoded = Base64URL.decode(range, of: bytes.span) else { continue }
            demand(
                Base64URL.encode(decoded.span) == Array(bytes[range]), "base64url has two forms")
        }
    }

    /// The verifier's result.
    private struct Outcome: Equatable {
        private(set) var claims: TokenClaims?
        private(set) var error: TokenError?

        init(_ verifier: HMACTokenVerifier, _ token: [UInt8]) { self.init(verifier, token.span) }

        init(_ verifier: HMACTokenVerifier, _ token: Span<UInt8>) {
            do throws(TokenError) {
                claims = try verifier.verify(token, at: TokenTarget.now)
            } catch {
                self.error = error
            }
        }
    }
}
