internal import CoreAPIBase
internal import CoreAPIRedis

extension RedisError {
    /// The error for an operator at a terminal, with a hint if there is one. The text of Redis has
    /// no secret: the login has removed them (`RedisSecrets`).
    func text(for url: RedisURL) -> String {
        let text =
            switch self {
            case .refused(let reply), .server(let reply), .sentinelRefused(let reply): "\(reply)"
            case .connectFailed(let error): "\(error)"
            case .tlsFailed(let error): "TLS: \(error)"
            case .hostNotFound(let reason): "the host is not found: \(reason)"
            default: reason
            }
        return hint(for: url).map { "\(text) (\($0))" } ?? text
    }
}
