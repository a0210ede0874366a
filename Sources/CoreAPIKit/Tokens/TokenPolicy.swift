/// The requirements of a token beyond its signature, expiry and user. The default policy has none.
public struct TokenPolicy: Hashable, Sendable {
    /// The audience that a token must name. If it is nil, a token with any audience is refused (RFC
    /// 7519 §4.1.3).
    public var audience: String?
    /// The issuer that a token must name (RFC 7519 §4.1.1).
    public var issuer: String?
    /// Allowed difference of the clocks of issuer and verifier, in seconds; not negative.
    public var leewaySeconds: Int
    /// Maximum time from now to `exp`, in seconds; nil for no maximum.
    public var lifetimeSecondsMax: Int?

    /// A policy; an omitted argument requires nothing. Traps if the leeway is negative.
    public init(
        audience: String? = nil, issuer: String? = nil, leewaySeconds: Int = 0,
        lifetimeSecondsMax: Int? = nil
    ) {
        precondition(leewaySeconds >= 0, "TokenPolicy with a negative leewaySeconds")
        self.audience = audience
        self.issuer = issuer
        self.leewaySeconds = leewaySeconds
        self.lifetimeSecondsMax = lifetimeSecondsMax
    }
}
