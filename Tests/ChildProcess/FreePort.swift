import CoreAPIBase
import Synchronization

/// Ports for the servers that tests start.
public enum FreePort: Sendable {
    public struct NoneFound: Error {}

    /// Below the kernel's ephemeral ports (usually 32,768 to 60,999): no outgoing connection takes
    /// a port before its server listens, or while it is away. Those 10,000 above are for the buses
    /// of clusters.
    private static let range: Range<UInt16> = 10_000..<20_000
    private static let given = Mutex<Set<UInt16>>([])

    /// A port without a listener, another one each time.
    public static func next() throws -> UInt16 {
        for _ in range {
            let port = UInt16.random(in: range)
            guard given.withLock({ $0.insert(port).inserted }) else { continue }
            let addresses = try SocketAddress.resolve(
                host: "0.0.0.0", port: port, numericOnly: true)
            guard let address = addresses.first else { throw NoneFound() }
            if (try? Socket.listening(on: address, sharesPort: false, backlog: 1)) != nil {
                return port
            }
        }
        throw NoneFound()
    }
}
