@testable import CoreAPIBase

/// A connection between the client and a model of Redis, with the bytes on their way.
final class SimulatedConnection<Server> {
    let number: Int
    /// The Redis at its other end.
    let server: Server

    /// Bytes that the client's kernel has taken and Redis has not received.
    var toServer: [UInt8] = []
    /// Bytes that Redis has sent and the client has not read.
    var toClient: [UInt8] = []
    /// No fragment overtakes one that was sent before.
    var lastToServer = VirtualTime.start
    var lastToClient = VirtualTime.start
    /// Whether the client's kernel takes nothing until some of it has been received.
    var isFull = false
    /// The client has closed its side. Bytes that it has sent may still arrive.
    var isClosedByClient = false
    /// The peer's process has exited; bytes in flight to it are lost.
    var isClosedByServer = false

    // Redis's side.
    var parser = RESPCommandParser()
    /// Redis executes nothing of it: `WAIT`.
    var isBlocked = false
    /// How many steps the server had after this connection's last write.
    var lastWrite = 0

    init(number: Int, server: Server) {
        self.number = number
        self.server = server
    }
}
