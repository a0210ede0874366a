internal import CoreAPIKit

/// The sockets that the workers accept from, one for each: of our own, among which the kernel
/// spreads the connections; or of the one that the process was given, which all accept from.
struct ListeningSockets {
    private enum Source {
        case ours(SocketAddress)
        case inherited(Int32)
    }

    private var source: Source

    /// How many connections may wait to be accepted; the kernel has a bound of its own.
    private static let backlog: Int32 = 4_096

    /// - Parameter inherited: the descriptor of the socket that the process was given: it decides,
    ///   whatever is configured.
    init(_ configuration: Configuration, inherited: Int32?) throws(StartError) {
        source =
            if let inherited { .inherited(inherited) } else {
                .ours(try ListeningSockets.address(configuration))
            }
    }

    /// Whether others accept from the same socket, now or after this process.
    var areShared: Bool {
        switch source {
        case .inherited: true
        case .ours: false
        }
    }

    /// One more, which listens.
    mutating func next() throws(StartError) -> Socket {
        do {
            switch source {
            case .inherited(let number):
                if let socket = try Socket.listening(inherited: number) { return socket }
            case .ours(let address):
                let socket = try Socket.listening(
                    on: address, sharesPort: true, backlog: ListeningSockets.backlog)
                // With port 0 the first socket decides for all.
                source = .ours(address.with(port: try socket.address().port))
                return socket
            }
        } catch {
            throw .system(error)
        }
        throw .inheritedSocket
    }

    /// The address to listen on, after a look whether somebody else does: sockets that share a port
    /// would share its connections with another server of the same user, in silence.
    private static func address(_ configuration: Configuration) throws(StartError) -> SocketAddress
    {
        let addresses: [SocketAddress]
        do {
            addresses = try SocketAddress.resolve(
                host: configuration.host, port: configuration.port, numericOnly: false,
                passive: true)
        } catch {
            throw .host(error.reason)
        }
        // A name such as localhost has addresses of both families, and callers try IPv4.
        guard let address = addresses.first(where: \.isIPv4) ?? addresses.first else {
            throw .host("no address")
        }
        do {
            _ = try Socket.bound(to: address, sharesPort: false)
        } catch {
            throw .system(error)
        }
        return address
    }
}
