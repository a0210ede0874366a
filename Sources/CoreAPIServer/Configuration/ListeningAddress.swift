internal import CoreAPIBase
internal import CoreAPIKit

/// A configured address to listen on.
struct ListeningAddress: CustomStringConvertible {
    /// The prefix of the names of its variables: `HTTP`.
    let prefix: String
    let host: String
    /// The port; 0 picks a free port.
    let port: UInt16

    var description: String {
        unixPath == nil
            ? "\(prefix)_HOST \(host), \(prefix)_PORT \(port)" : "\(prefix)_HOST \(host)"
    }

    /// The path of a Unix socket; nil of an address or a name.
    var unixPath: String? { ListeningAddress.unixPath(host) }

    private static let unixPrefix = "unix:"

    /// The path in `unix:/path`; nil for an address or a name.
    static func unixPath(_ host: String) -> String? {
        host.hasPrefix(unixPrefix) ? String(host.dropFirst(unixPrefix.count)) : nil
    }

    /// Whether a Unix socket can be made at the path: it is absolute, names a file and fits.
    static func isSocketPath(_ path: String) -> Bool {
        path.hasPrefix("/") && !path.hasSuffix("/")
            && path.utf8.count <= SocketAddress.unixPathBytesMax
    }

    /// The resolved address. Throws if another process listens there: with SO_REUSEPORT, two
    /// servers of the same user would silently share the port's connections.
    func resolved() throws(StartError) -> SocketAddress {
        let addresses: [SocketAddress]
        do {
            addresses = try SocketAddress.resolve(
                host: host, port: port, numericOnly: false, passive: true)
        } catch {
            throw .host("\(prefix)_HOST \"\(host)\": \(error.reason)")
        }
        // A name such as localhost has addresses of both families: prefer IPv4.
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
