internal import CoreAPIBase
internal import CoreAPIKit

/// The sockets that the workers accept from, one for each: of our own, among which the kernel
/// spreads the connections; or of the one that the process was given, which all accept from.
struct ListeningSockets {
    private enum Source {
        case ours(SocketAddress)
        case inherited(Int32)
    }

    private let place: ListeningAddress
    private var source: Source

    /// How many connections may wait to be accepted; the kernel has a bound of its own.
    static let backlog: Int32 = 4_096

    /// - Parameters:
    ///   - place: where to listen.
    ///   - inherited: the descriptor of the socket that the process was given: it decides, whatever
    ///     is configured.
    init(_ place: ListeningAddress, inherited: Int32?) throws(StartError) {
        self.place = place
        source =
            if let inherited { .inherited(inherited) } else { .ours(try place.resolved()) }
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
            throw .system(error, "\(place)")
        }
        throw .inheritedSocket
    }
}
