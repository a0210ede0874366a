internal import CoreAPIBase
internal import CoreAPIKit

/// The listening sockets, one for each event loop. Either the server opens its own sockets, which
/// share a port and among which the kernel spreads connections, or all loops accept from the one
/// socket that the process inherited.
struct ListeningSockets {
    private enum Source {
        case ours(SocketAddress)
        case inherited(Int32)
    }

    private let configured: ListeningAddress
    private var source: Source

    /// The listen backlog, in connections; the kernel caps it at `net.core.somaxconn`.
    static let backlog: Int32 = 4_096

    /// - Parameters:
    ///   - configured: the address of the configuration.
    ///   - inherited: the descriptor of the inherited socket, which overrides `configured`; nil
    ///     without one.
    init(_ configured: ListeningAddress, inherited: Int32?) throws(StartError) {
        self.configured = configured
        source =
            if let inherited { .inherited(inherited) } else { .ours(try configured.resolved()) }
    }

    /// Whether other processes may accept from the same socket, now or after this process ends.
    var areShared: Bool {
        switch source {
        case .inherited: true
        case .ours: false
        }
    }

    /// Opens or duplicates one more listening socket.
    mutating func next() throws(StartError) -> Socket {
        do {
            switch source {
            case .inherited(let number):
                if let socket = try Socket.listening(inherited: number) { return socket }
            case .ours(let address):
                let socket = try Socket.listening(
                    on: address, sharesPort: true, backlog: ListeningSockets.backlog)
                // With port 0 the kernel picks a port for the first socket; the others reuse it.
                source = .ours(address.with(port: try socket.address().port))
                return socket
            }
        } catch {
            throw .system(error, "\(configured)")
        }
        throw .inheritedSocket
    }
}
