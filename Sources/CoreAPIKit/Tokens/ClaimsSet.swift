internal import CoreAPIBase

/// The claims of a token whose signature has been verified (RFC 7519 §4).
struct ClaimsSet {
    private var expiry: JSONValue?
    private var notBefore: JSONValue?
    private var issuedAt: JSONValue?
    private var audience: JSONValue?
    private var issuer: JSONValue?
    private var userID: JSONValue?
    private var enabled: JSONValue?

    /// The claims that this service needs. Throws if one of them or a registered claim is invalid.
    static func claims(
        _ bytes: Span<UInt8>, at now: UnixTime, _ policy: TokenPolicy
    ) throws(TokenError) -> TokenClaims {
        guard let set = ClaimsSet(bytes) else { throw .malformed(.payloadNotObject) }
        try set.checkTimes(bytes, at: now, policy)
        try set.checkParties(bytes, policy)
        guard case .number(let number)? = set.userID,
            let userID = number.nonNegativeInteger(bytes),
            TokenClaims.userIDBounds.contains(userID)
        else { throw .claimInvalid(.userID) }
        guard case .bool(let isEnabled)? = set.enabled else { throw .claimInvalid(.enabled) }
        return TokenClaims(validUserID: userID, isEnabled: isEnabled)
    }

    /// Parses the payload; nil if the bytes are not one JSON object with unique names.
    private init?(_ bytes: Span<UInt8>) {
        var set = ClaimsSet()
        let isObject = TokenObject.read(bytes, escapedNames: .decoded) { name, value in
            set.take(name, value, bytes)
        }
        guard isObject else { return nil }
        self = set
    }

    /// Keeps the value of a claim that is checked. Not inlined: seven values in registers would be
    /// spilled for each member.
    @inline(never) private mutating func take(
        _ name: JSONText, _ value: JSONValue, _ bytes: Span<UInt8>
    ) {
        switch name.eightBytes(bytes) {
        case "exp"?: expiry = value
        case "user_id"?: userID = value
        case "enabled"?: enabled = value
        case "nbf"?: notBefore = value
        case "iat"?: issuedAt = value
        case "aud"?: audience = value
        case "iss"?: issuer = value
        default: break
        }
    }

    private init() {}

    private func checkTimes(
        _ bytes: Span<UInt8>, at now: UnixTime, _ policy: TokenPolicy
    ) throws(TokenError) {
        let leeway = policy.leewaySeconds
        let now = now.numericDate
        guard let expiry = try ClaimsSet.date(expiry, .expiry, bytes) else {
            throw .claimInvalid(.expiry)
        }
        // RFC 7519 §4.1.4: "on or after" its expiry a token must not be accepted.
        guard now < expiry + leeway else { throw .expired }
        if let lifetimeMax = policy.lifetimeSecondsMax, expiry > now + lifetimeMax + leeway {
            throw .claimInvalid(.lifetime)
        }
        // RFC 7519 §4.1.5: not before this time.
        if let notBefore = try ClaimsSet.date(notBefore, .notBefore, bytes),
            now < notBefore - leeway
        {
            throw .notYetValid
        }
        _ = try ClaimsSet.date(issuedAt, .issuedAt, bytes)
    }

    private func checkParties(
        _ bytes: Span<UInt8>, _ policy: TokenPolicy
    ) throws(TokenError) {
        switch (audience, policy.audience) {
        case (nil, nil): break
        // RFC 7519 §4.1.3: the token has an audience and the policy none, or the reverse.
        case (.some, nil), (nil, .some): throw .claimInvalid(.audience)
        case (let value?, let audience?):
            guard ClaimsSet.names(audience, value, bytes) else { throw .claimInvalid(.audience) }
        }
        if let trusted = policy.issuer {
            guard case .text(let text)? = issuer, text.equals(trusted, bytes)
            else { throw .claimInvalid(.issuer) }
        }
    }

    /// The claim's NumericDate (RFC 7519 §2); nil if the token lacks the claim.
    private static func date(
        _ value: JSONValue?, _ claim: TokenError.Claim, _ bytes: Span<UInt8>
    ) throws(TokenError) -> Double? {
        guard let value else { return nil }
        guard case .number(let number) = value, let seconds = number.double(bytes) else {
            throw .claimInvalid(claim)
        }
        return seconds
    }

    /// Whether `aud`, a string or an array of strings, names the audience.
    private static func names(
        _ audience: String, _ value: JSONValue, _ bytes: Span<UInt8>
    ) -> Bool {
        switch value {
        case .text(let text): text.equals(audience, bytes)
        case .array(let range): arrayNames(audience, bytes.extracting(range))
        case .object, .number, .bool, .null: false
        }
    }

    private static func arrayNames(_ audience: String, _ array: Span<UInt8>) -> Bool {
        var reader = JSONReader()
        var (isFirst, isNamed) = (true, false)
        // The reader has already validated the array, so the second read does not fail.
        while let element = try? reader.nextElement(array, isFirst: isFirst) {
            guard case .text(let text) = element else { return false }
            if text.equals(audience, array) { isNamed = true }
            isFirst = false
        }
        return isNamed
    }
}
