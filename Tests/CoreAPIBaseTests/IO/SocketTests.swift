import Glibc
import Testing

@testable import CoreAPIBase

/// A connection to a free port of this machine may reach itself.
@Suite struct SocketTests {
    private func any(_ host: String) throws -> SocketAddress {
        let addresses = try SocketAddress.resolve(host: host, port: 0, numericOnly: true)
        return try #require(addresses.first)
    }

    /// What is found of a socket that is connected to the address; to its own without one.
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
