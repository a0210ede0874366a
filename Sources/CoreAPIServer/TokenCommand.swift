internal import CoreAPIBase
internal import CoreAPIKit

/// `core-api token`: a token that a server with the same environment accepts.
enum TokenCommand {
    struct Answer {
        let token: String
        /// Why that server refuses the token all the same; empty if it accepts it.
        let warnings: [String]
    }

    /// The lifetime of the Auth API's tokens.
    private static let lifetimeSecondsDefault = 30

    /// Throws a `ConfigurationError`, a `SecretError` or a `KeyCommands.Failure`.
    static func run(
        _ arguments: TokenArguments, _ values: EnvironmentReader, now: UnixTime
    ) throws -> Answer {
        var warnings: [String] = []
        var issuer = try issuer(arguments, values, &warnings)
        let policy = try values.tokenPolicy()
        issuer.audience = policy.audience
        issuer.issuer = policy.issuer
        let secondsMax = policy.lifetimeSecondsMax.map { Int($0) } ?? .max
        let seconds = arguments.lifetimeSeconds ?? min(lifetimeSecondsDefault, secondsMax)
        let token = issuer.issue(
            userID: arguments.userID, username: arguments.username,
            isEnabled: arguments.isEnabled,
            expiresAt: UnixTime(seconds: now.wholeSeconds + Int64(seconds)))
        if seconds > secondsMax {
            warnings.append(
                "the server refuses this token until it expires in \(secondsMax) s or less: "
                    + "--ttl-seconds is above \(EnvironmentReader.lifetimeVariable)")
        }
        return Answer(token: token, warnings: warnings)
    }

    private static func issuer(
        _ arguments: TokenArguments, _ values: EnvironmentReader, _ warnings: inout [String]
    ) throws -> TokenIssuer {
        if let path = arguments.keyFile {
            return try KeyCommands.issuer(path, arguments.algorithm, keyID: arguments.keyID)
        }
        let configured = try SecretsConfiguration(values, isRequired: false)
        guard let newest = configured.secrets.first else {
            throw ConfigurationError(
                variable: SecretsConfiguration.variable, value: nil,
                expectation: "a token needs what signs it: give --key FILE, the issuer's private "
                    + "key, or the secret that is shared with the Auth API, by this variable or "
                    + "by \(SecretsConfiguration.fileVariable)",
                isMissing: true)
        }
        let algorithms = try AlgorithmsConfiguration(
            values, hasSecret: true, hasKeySet: try KeySetConfiguration.isConfigured(values))
        if let warning = algorithms.warning(hasSecret: true) { warnings.append(warning) }
        return try TokenIssuer(secret: newest)
    }
}

extension EnvironmentReader {
    static let lifetimeVariable = "JWT_MAX_LIFETIME_SECONDS"

    /// The conditions of a token besides its signature.
    func tokenPolicy() throws(ConfigurationError) -> TokenPolicy {
        let any = 0...Configuration.secondsMax
        return TokenPolicy(
            audience: try text("JWT_AUDIENCE"), issuer: try text("JWT_ISSUER"),
            validLeeway: .seconds(try integer("JWT_LEEWAY_SECONDS", in: any) ?? 0),
            try integer(EnvironmentReader.lifetimeVariable, in: 1...Configuration.secondsMax)
                .map { .seconds($0) })
    }
}
