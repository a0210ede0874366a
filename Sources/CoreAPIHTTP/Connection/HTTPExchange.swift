package import CoreAPIBase

/// The application that an `HTTPServer` serves. The loop's thread calls it.
package protocol HTTPApplication: AnyObject {
    /// Creates the application's side of a connection. It is called once, at the first request.
    func exchange(on connection: Connection) -> any HTTPExchange

    /// Reports the admission of a connection: served, refused or dropped.
    func admitted(_ admission: ConnectionCount.Admission)

    /// Reports that a limit is reached and the server refuses.
    func overloaded(_ bound: String, max: Int)
}

/// The application's side of one connection. It answers requests one at a time.
package protocol HTTPExchange: AnyObject {
    /// The refusal of a request by its head alone, before its body is sent; nil to accept the body
    /// (RFC 9110 §10.1.1).
    func refusal(of head: RequestHead, _ input: Span<UInt8>) -> Response?

    /// The answer to a request; nil if the application calls `Connection.answerIsReady` later.
    ///
    /// - Parameter body: the range of the content in `input`.
    func response(to head: RequestHead, _ input: [UInt8], body: Range<Int>) -> Response?

    /// The answer after `answerIsReady` was called.
    func takeResponse() -> Response

    /// The answer to bytes that the parser refused.
    func response(to refusal: HTTPRefusal) -> Response

    /// Reports that the last answer was encoded, for logs and metrics.
    ///
    /// - Parameter began: when the request was complete.
    func answered(
        _ response: Response, _ input: Span<UInt8>, _ id: RequestID, since began: MonotonicTime)
}
