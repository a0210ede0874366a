/// The protocol spoken over an outgoing connection. It is called on the connection's loop.
package protocol OutgoingConnectionOwner: AnyObject {
    /// Bytes can be sent: log in, and call `established`.
    func connectionOpened()

    /// Bytes of the server; `OutgoingConnection.isOpen` is false after them if they led to an end.
    func connectionReceived(_ bytes: Span<UInt8>)

    /// All bytes of a read have been received.
    func connectionReadEnded()

    /// The end of a turn for which `requestFlush` asked, or the socket takes bytes again: send.
    func connectionFlushed(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError)

    /// The attempt failed or the connection broke; another attempt follows.
    func connectionLost(_ error: OutgoingConnectionError)
}
