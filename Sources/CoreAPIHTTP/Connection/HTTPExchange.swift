package import CoreAPIBase

/// The application that an `HTTPServer` serves, on its loop's thread.
package protocol HTTPApplication: AnyObject {
    /// The application's side of a connection; it is asked for once, at the first request.
    func exchange(on connection: Connection) -> any HTTPExchange

    /// A connection was accepted, or one too many was refused.
    func admitted(_ admission: ConnectionCount.Admission)

    /// A bound is reached, at which the server refuses.
    func overloaded(_ bound: String, max: Int)
}

/// The application's side of one connection, which answers one request after the other.
package protocol HTTPExchange: AnyObject {
    /// The refusal that a request earns by its head alone, before its body is sent; nil if the body
    /// is to come (RFC 9110 §10.1.1).
    func refusal(of head: RequestHead, _ input: Span<UInt8>) -> Response?

    /// The answer to a request; nil if it comes later, by `Connection.answerIsReady`.
    ///
    /// - Parameter body: where the content is in `input`.
    func response(to head: RequestHead, _ input: [UInt8], body: Range<Int>) -> Response?

    /// The answer that `answerIsReady` has announced.
    func takeResponse() -> Response

    /// The answer to bytes that are not answered as a request.
    func response(to refusal: HTTPRefusal) -> Response

    /// An answer was made.
    ///
    /// - Parameters:
    ///   - head: nil if the request has none that could be read.
    ///   - began: when the request was complete.
    func answered(
        _ response: Response, to head: RequestHead?, _ input: Span<UInt8>, _ id: RequestID,
        since began: MonotonicTime)
}
