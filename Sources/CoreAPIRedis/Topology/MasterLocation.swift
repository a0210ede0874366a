internal import CoreAPIBase
internal import Logging

/// How a connection finds the master that sentinels know. Only the connection's loop uses it.
final class MasterLocation {
    private var sentinels: RedisSentinels
    private var tls: TLSContext?
    private let logger: Logger
    private(set) var membership: SentinelMembership?

    init(_ sentinels: RedisSentinels, _ tls: TLSContext?, _ logger: Logger) {
        self.sentinels = sentinels
        self.tls = tls
        self.logger = logger
    }

    /// The membership in the process's directory.
    func joined(
        _ onDeparture: @escaping @Sendable (SentinelDirectory.Departure) -> Void
    ) throws(SystemError) -> SentinelMembership {
        if let membership { return membership }
        let membership = try SentinelDirectory.join(
            sentinels, tls: tls, logger, onDeparture: onDeparture)
        self.membership = membership
        return membership
    }

    /// Leaves the directory: the next one has these sentinels, login and certificates.
    func adopt(_ sentinels: RedisSentinels, _ tls: TLSContext?) {
        leave()
        (self.sentinels, self.tls) = (sentinels, tls)
    }

    func leave() {
        membership?.leave()
        membership = nil
    }
}
