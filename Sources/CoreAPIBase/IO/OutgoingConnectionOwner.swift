/// The protocol spoken over an outgoing connection. It is called on the connection's loop.
package protocol OutgoingConnectionOwner: AnyObject {
    /// An attempt of a connection without a fixed endpoint begins. The owner calls `located`, or
    /// `end` if there is no server.
    func connectionLocating()

    /// The connection is open. The owner logs in and calls `established`.
    func connectionOpened()

    /// Bytes of the server have arrived. The owner may call `end` meanwhile; `isOpen` is false
    /// afterwards.
    func connectionReceived(_ bytes: Span<UInt8>)

    /// `connectionReceived` has passed on all bytes of a read.
    func connectionReadEnded()

    /// The owner may send: a turn with `requestFlush` ends, or a blocked socket takes bytes again.
    ///
    /// - Parameter send: sends a buffer's bytes from a position on. It returns how many were taken,
    ///   nil if the send would block.
    func connectionFlushed(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError)

    /// The attempt failed or the connection broke; another attempt follows.
    func connectionLost(_ error: OutgoingConnectionError)
}

extension OutgoingConnectionOwner {
    package func connectionLocating() {
        preconditionFailure("connectionLocating() called on the owner of a fixed endpoint")
    }

    /// For an owner that sends by `OutgoingConnection.send` alone.
    package func connectionFlushed(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {}
}
