internal import CoreAPIBase
public import Logging

/// The options of a ``KeySetSource``.
public struct KeySetSourceOptions: Sendable {
    /// A file (PEM) of the authorities that may vouch for the URL's host; nil for the system's.
    public var authorityFile: String?
    /// How long the last good set is used while the issuer is away: 60 s to 30 days.
    public var staleAfter = Duration.seconds(86_400)
    /// The algorithms of the verifiers that use the set: a set without a key for any of them does
    /// not replace a good one.
    public var algorithms = TokenAlgorithm.asymmetric
    /// Where the source logs: by default what the process was bootstrapped with.
    public var logger = Logger(label: "core-api.keys")

    /// The defaults.
    public init() {}

    /// Throws where an option is out of its bounds.
    func check() throws(ArgumentError) {
        let bounds = KeySetStateMachine.staleSecondsBounds
        try ArgumentError.check(
            Duration.seconds(bounds.lowerBound)...(.seconds(bounds.upperBound)) ~= staleAfter,
            "staleAfter", "60 s to 30 days")
        try ArgumentError.check(
            !algorithms.isDisjoint(with: TokenAlgorithm.asymmetric), "algorithms",
            "at least one algorithm of public keys")
    }
}
