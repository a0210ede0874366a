package import CoreAPIBase

/// The address that a Redis server listens on, and whether the connection is encrypted.
package enum RedisEndpoint: Hashable, Sendable {
    /// `redis://`: TCP, in clear text.
    case tcp(host: String, port: UInt16)
    /// `rediss://`: TLS over TCP.
    case tls(host: String, port: UInt16)
    /// `unix://`: a socket in this machine's file system, by its absolute path.
    case unix(path: String)
}

extension RedisEndpoint {
    /// The address for an outgoing connection.
    package var address: OutgoingConnection.Endpoint {
        switch self {
        case .tcp(let host, let port), .tls(let host, let port): .tcp(host: host, port: port)
        case .unix(let path): .unix(path: path)
        }
    }

    var usesTLS: Bool { if case .tls = self { true } else { false } }
}
