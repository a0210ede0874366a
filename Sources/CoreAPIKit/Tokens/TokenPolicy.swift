/// What a token must say beyond its signature, expiry and user. Without arguments: nothing.
public struct TokenPolicy: Hashable, Sendable {
    /// The audience that a token must name. Without one, a token that names any is refused
    /// (RFC 7519 §4.1.3).
    public var audience: String?
    /// The issuer that a token must name (RFC 7519 §4.1.1).
    public var issuer: String?
    /// How many seconds the clocks of issuer and verifier may differ; not negative.
    public var leewaySeconds: Int
    /// How many seconds in the future `exp` may lie at most.
    public var lifetimeSecondsMax: Int?

    /// A policy; what is left out is not asked for. The leeway is not negative.
    public init(
        audience: String? = nil, issuer: String? = nil, leewaySeconds: Int = 0,
        lifetimeSecondsMax: Int? = nil
    ) {
        precondition(leewaySeconds >= 0, "a leeway is not negative")
        self.audience = audience
        self.issuer = issuer
        self.leewaySeconds = leewaySeconds
        self.lifetimeSecondsMax = lifetimeSecondsMax
    }
}
