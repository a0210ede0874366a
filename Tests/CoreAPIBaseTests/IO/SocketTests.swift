import Glibc
import Testing

@testable import CoreAPIBase

/// A connection to a free local port may connect the socket to itself.
@Suite struct SocketTests {
    private func any(_ host: String) throws -> SocketAddress {
        let addresses = try SocketAddress.resolve(host: host, port: 0, numericOnly: true)
        return try #require(addresses.first)
    }

    /// The outcome for a socket that connects to the address; without an address it connects to its
    /// own.
    private func found(
        _ host: String, connectedTo address: SocketAddress?
    ) throws -> (isConnectedToItself: Bool, error: SystemError?) {
        let socket = try Socket.bound(to: try any(host), sharesPort: false)
        let (number, target) = (socket.descriptor.number, try address ?? socket.address())
        let result = unsafe target.withSystemAddress { unsafe connect(number, $0, $1) }
        let isUnderWay = result == 0 || errno == EINPROGRESS
        #expect(isUnderWay)
        return (socket.isConnectedToItself(), try socket.connectionError())
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `a connection that has reached itself is a refused one`(host: String) throws {
        let found = try found(host, connectedTo: nil)
        #expect(found.isConnectedToItself)
        #expect(found.error == SystemError(code: ECONNREFUSED, call: "connect"))
    }

    @Test func `a connection to another socket has not reached itself`() throws {
        let listener = try Socket.listening(
            on: try any("127.0.0.1"), sharesPort: false, backlog: 1)
        let found = try found("127.0.0.1", connectedTo: try listener.address())
        #expect(!found.isConnectedToItself)
        #expect(found.error == nil)
    }
}
