@testable import CoreAPIBase

/// A connection between the client and the model of Redis, with the bytes on their way.
final class SimulatedConnection {
    let number: Int

    /// Bytes that the client's kernel has taken and Redis has not received.
    var toServer: [UInt8] = []
    /// Bytes that Redis has sent and the client has not read.
    var toClient: [UInt8] = []
    /// No fragment overtakes one that was sent before.
    var lastToServer = MonotonicTime(nanoseconds: 0)
    var lastToClient = MonotonicTime(nanoseconds: 0)
    /// Whether the client's kernel takes nothing until some of it has been received.
    var isFull = false
    /// The client has closed its side. Bytes that it has sent may still arrive.
    var isClosedByClient = false
    /// The peer's process has exited; bytes in flight to it are lost.
    var isClosedByServer = false

    // Redis's side.
    var parser = RESPCommandParser()
    /// How long the log was after this connection's last write.
    var lastWrite = 0
    /// The barrier that Redis is waiting for: how many writes must be safe.
    var barrier: (writes: Int, kind: String)?
    var barrierCount = 0

    init(number: Int) { self.number = number }
}
