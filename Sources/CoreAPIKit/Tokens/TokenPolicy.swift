public import CoreAPIBase

/// The conditions of a token besides its signature, expiry and user. By default there are none.
public struct TokenPolicy: Hashable, Sendable {
    /// The audience that a token must name. If it is nil, a token with any audience is refused (RFC
    /// 7519 §4.1.3).
    public var audience: String?
    /// The issuer that a token must name (RFC 7519 §4.1.1).
    public var issuer: String?
    /// How much the clocks of issuer and verifier may differ.
    public let leeway: Duration
    /// How far in the future `exp` may lie at most; nil for no limit.
    public let lifetimeMax: Duration?

    /// The durations in seconds, as the checks of each token need them.
    package let leewaySeconds: Double
    package let lifetimeSecondsMax: Double?

    /// A policy without leeway and without a limit on the lifetime; an argument that is left out is
    /// not checked.
    public init(audience: String? = nil, issuer: String? = nil) {
        self.init(audience: audience, issuer: issuer, validLeeway: .zero, nil)
    }

    /// A policy with a leeway, and perhaps with a limit on the lifetime.
    ///
    /// - Parameters:
    ///   - audience: the audience (`aud`) that a token must name; nil for none.
    ///   - issuer: the issuer (`iss`) that a token must name; nil for any.
    ///   - leeway: 0 s to 100 years.
    ///   - lifetimeMax: more than 0 s, up to 100 years; nil for no limit.
    public init(
        audience: String? = nil, issuer: String? = nil, leeway: Duration,
        lifetimeMax: Duration? = nil
    ) throws(ArgumentError) {
        try ArgumentError.check(
            Duration.zero...TokenPolicy.durationMax ~= leeway, "leeway", "0 s to 100 years")
        if let lifetimeMax {
            try ArgumentError.check(
                lifetimeMax > .zero && lifetimeMax <= TokenPolicy.durationMax, "lifetimeMax",
                "more than 0 s, up to 100 years")
        }
        self.init(audience: audience, issuer: issuer, validLeeway: leeway, lifetimeMax)
    }

    /// - Parameter leeway: it and the lifetime are within their bounds.
    package init(
        audience: String?, issuer: String?, validLeeway leeway: Duration, _ lifetimeMax: Duration?
    ) {
        self.audience = audience
        self.issuer = issuer
        self.leeway = leeway
        self.lifetimeMax = lifetimeMax
        leewaySeconds = leeway.fractionalSeconds
        lifetimeSecondsMax = lifetimeMax?.fractionalSeconds
    }

    /// A limit against overflow, not a recommendation.
    private static let durationMax = Duration.seconds(3_155_760_000)
}
