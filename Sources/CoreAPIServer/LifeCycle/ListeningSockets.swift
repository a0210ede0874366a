internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// The listening sockets of callers or of operators. For each event loop the server opens a socket
/// of its own, which share a port and among which the kernel spreads connections; or all loops
/// accept from the same sockets: one in the file system, or those that the process inherited.
struct ListeningSockets {
    private enum Source {
        case port(SocketAddress)
        /// Descriptors that are duplicated for each loop.
        case shared([Int32], ListenerSharing)
    }

    private let configured: ListeningAddress
    /// Whether several loops listen.
    private let isForLoops: Bool
    private var source: Source
    /// The file of a Unix socket that the server has made.
    let file: UnixSocketFile?

    /// The listen backlog, in connections; the kernel caps it at `net.core.somaxconn`.
    static let backlog: Int32 = 4_096

    /// - Parameters:
    ///   - configured: the address of the configuration.
    ///   - inherited: the descriptors of inherited sockets, which override `configured`.
    ///   - isForLoops: whether several loops listen, or one.
    init(
        _ configured: ListeningAddress, inherited: [Int32], isForLoops: Bool
    ) throws(StartError) {
        self.configured = configured
        self.isForLoops = isForLoops
        if !inherited.isEmpty {
            (source, file) = (.shared(inherited, .processes), nil)
            return
        }
        guard let path = configured.unixPath else {
            (source, file) = (.port(try configured.resolved()), nil)
            return
        }
        do {
            let (file, descriptor) = try UnixSocketFile.listening(
                at: path, backlog: ListeningSockets.backlog)
            (source, self.file) = (.shared([descriptor], .loops), file)
        } catch {
            throw .system(error, "\(configured)")
        }
    }

    /// Lets the server of a loop listen. To be called before the loop runs.
    ///
    /// - Returns: the port; 0 of a Unix socket. Of several sockets, that of the first one.
    mutating func listen(_ server: HTTPServer) throws(StartError) -> UInt16 {
        do {
            switch source {
            case .port(let address):
                let socket = try Socket.listening(
                    on: address, sharesPort: isForLoops, backlog: ListeningSockets.backlog)
                let port = try socket.address().port
                // With port 0 the kernel picks a port for the first socket; the others reuse it.
                source = .port(address.with(port: port))
                try server.listen(socket, .none)
                return port
            case .shared(let numbers, let sharing):
                var ports: [UInt16] = []
                for number in numbers {
                    guard let socket = try Socket.listening(inherited: number) else {
                        throw StartError.inheritedSocket
                    }
                    ports.append(try socket.address().port)
                    try server.listen(socket, sharing)
                }
                return ports.first ?? 0
            }
        } catch let error as SystemError {
            throw .system(error, "\(configured)")
        } catch {
            throw .inheritedSocket
        }
    }
}
