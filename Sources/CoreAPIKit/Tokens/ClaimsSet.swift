/// The claims of a token whose signature has been verified (RFC 7519 §4).
enum ClaimsSet {
    /// The claims that this service needs; throws if one of them, or of the registered ones, is not
    /// as it must be.
    static func claims(
        _ bytes: Span<UInt8>, at now: UnixTime, _ policy: TokenPolicy
    ) throws(TokenError) -> TokenClaims {
        guard let object = TokenObject(bytes) else { throw .malformed(.payloadNotObject) }
        try checkTimes(object, bytes, at: now, policy)
        try checkParties(object, bytes, policy)
        guard case .number(let number)? = object.value("user_id", bytes),
            let userID = number.nonNegativeInteger(bytes),
            TokenClaims.userIDBounds.contains(userID)
        else { throw .claimInvalid(.userID) }
        guard case .bool(let isEnabled)? = object.value("enabled", bytes) else {
            throw .claimInvalid(.enabled)
        }
        return TokenClaims(userID: userID, isEnabled: isEnabled)
    }

    private static func checkTimes(
        _ object: TokenObject, _ bytes: Span<UInt8>, at now: UnixTime, _ policy: TokenPolicy
    ) throws(TokenError) {
        let leeway = Double(policy.leewaySeconds)
        let now = now.numericDate
        guard let expiry = try date("exp", .expiry, object, bytes) else {
            throw .claimInvalid(.expiry)
        }
        // RFC 7519 §4.1.4: "on or after" its expiry a token must not be accepted.
        guard now < expiry + leeway else { throw .expired }
        if let lifetimeMax = policy.lifetimeSecondsMax, expiry > now + Double(lifetimeMax) + leeway
        {
            throw .claimInvalid(.lifetime)
        }
        // RFC 7519 §4.1.5: not before this time.
        if let notBefore = try date("nbf", .notBefore, object, bytes), now < notBefore - leeway {
            throw .notYetValid
        }
        _ = try date("iat", .issuedAt, object, bytes)
    }

    private static func checkParties(
        _ object: TokenObject, _ bytes: Span<UInt8>, _ policy: TokenPolicy
    ) throws(TokenError) {
        switch (object.value("aud", bytes), policy.audience) {
        case (nil, nil): break
        // RFC 7519 §4.1.3: a token for somebody else, or, where an audience is asked for, for
        // nobody.
        case (.some, nil), (nil, .some): throw .claimInvalid(.audience)
        case (let value?, let audience?):
            guard names(audience, value, bytes) else { throw .claimInvalid(.audience) }
        }
        if let issuer = policy.issuer {
            guard case .text(let text)? = object.value("iss", bytes), text.equals(issuer, bytes)
            else { throw .claimInvalid(.issuer) }
        }
    }

    /// The NumericDate (RFC 7519 §2) of that name; nil if there is none.
    private static func date(
        _ name: String, _ claim: TokenError.Claim, _ object: TokenObject, _ bytes: Span<UInt8>
    ) throws(TokenError) -> Double? {
        guard let value = object.value(name, bytes) else { return nil }
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
        // The array has been checked when it was passed over: reading it again does not fail.
        while let element = try? reader.nextElement(array, isFirst: isFirst) {
            guard case .text(let text) = element else { return false }
            if text.equals(audience, array) { isNamed = true }
            isFirst = false
        }
        return isNamed
    }
}
