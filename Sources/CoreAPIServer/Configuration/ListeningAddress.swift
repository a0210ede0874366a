internal import CoreAPIBase
internal import CoreAPIKit

/// An address to listen on, as the environment has it.
struct ListeningAddress: CustomStringConvertible {
    /// What the names of its variables begin with: `HTTP`.
    let prefix: String
    let host: String
    /// 0 picks a free port.
    let port: UInt16

    var description: String { "\(prefix)_HOST \(host), \(prefix)_PORT \(port)" }

    /// The address, after a look whether somebody else listens there: sockets that share a port
    /// would share its connections with another server of the same user, in silence.
    func resolved() throws(StartError) -> SocketAddress {
        let addresses: [SocketAddress]
        do {
            addresses = try SocketAddress.resolve(
                host: host, port: port, numericOnly: false, passive: true)
        } catch {
            throw .host("\(prefix)_HOST \"\(host)\": \(error.reason)")
        }
        // A name such as localhost has addresses of both families, and callers try IPv4.
        guard let address = addresses.first(where: \.isIPv4) ?? addresses.first else {
            throw .host("\(prefix)_HOST \"\(host)\": no address")
        }
        do {
            _ = try Socket.bound(to: address, sharesPort: false)
        } catch {
            throw .system(error, "\(self)")
        }
        return address
    }
}
