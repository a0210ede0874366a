/// Where a Redis server listens, and whether others on the way can read what is said.
public enum RedisEndpoint: Hashable, Sendable {
    /// `redis://`: TCP, in clear text.
    case tcp(host: String, port: UInt16)
    /// `rediss://`: TLS over TCP.
    case tls(host: String, port: UInt16)
    /// `unix://`: a socket in this machine's file system, by its absolute path.
    case unix(path: String)
}
