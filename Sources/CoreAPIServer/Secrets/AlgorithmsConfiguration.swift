internal import CoreAPIKit

/// The configured allow-list of the algorithms that are believed.
struct AlgorithmsConfiguration: Equatable {
    /// Nil for all that the configured keys imply.
    let allowed: Set<TokenAlgorithm>?

    static let variable = "JWT_ALGORITHMS"

    /// Reads `JWT_ALGORITHMS`, and checks that each listed algorithm has keys: one without is a
    /// mistake of the operator, who believes that such tokens are accepted.
    init(
        _ values: EnvironmentReader, hasSecret: Bool, hasKeySet: Bool
    ) throws(ConfigurationError) {
        guard let text = try values.text(Self.variable) else {
            allowed = nil
            return
        }
        func wrong(_ expectation: String) -> ConfigurationError {
            ConfigurationError(variable: Self.variable, value: text, expectation: expectation)
        }
        var algorithms: Set<TokenAlgorithm> = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let algorithm = TokenAlgorithm(rawValue: String(word)) else {
                let names = TokenAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
                throw wrong("give a list, separated by commas without spaces, out of \(names)")
            }
            algorithms.insert(algorithm)
        }
        let names = [KeySetConfiguration.fileVariable, KeySetConfiguration.urlVariable]
        if algorithms.contains(.hs256), !hasSecret {
            throw wrong(
                "HS256 needs \(SecretsConfiguration.variable) or "
                    + "\(SecretsConfiguration.fileVariable): give one, or leave HS256 out")
        }
        let asymmetric = algorithms.intersection(TokenAlgorithm.asymmetric)
        if !asymmetric.isEmpty, !hasKeySet {
            throw wrong(
                "all but HS256 need a key set, \(names.joined(separator: " or ")): give one, "
                    + "or leave them out")
        }
        if asymmetric.isEmpty, hasKeySet {
            throw wrong(
                "a key set is configured, and none of these is an algorithm of public keys: "
                    + "add one, or leave \(names.joined(separator: " and ")) out")
        }
        allowed = algorithms
    }

    /// The algorithms of public keys that are believed.
    var asymmetric: Set<TokenAlgorithm> {
        (allowed ?? TokenAlgorithm.asymmetric).intersection(TokenAlgorithm.asymmetric)
    }

    /// A warning about a secret that no listed algorithm uses; nil without one.
    func warning(hasSecret: Bool) -> String? {
        guard hasSecret, let allowed, !allowed.contains(.hs256) else { return nil }
        return "\(Self.variable) lacks HS256: the secret verifies no token"
    }
}
