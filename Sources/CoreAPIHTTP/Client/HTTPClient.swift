package import CoreAPIBase

/// A small HTTP/1.1 client for one URL: a connection for each request, one request at a time,
/// within one deadline. It follows no redirects, keeps no cookies, accepts no content coding, and
/// does not honour the environment's proxies. Over TLS the server's certificate and name are always
/// verified.
///
/// It lives on the thread of its loop.
package final class HTTPClient: OutgoingConnectionOwner {
    /// Receives the response, or why there is none.
    package typealias Completion = (Result<HTTPResponse, HTTPClientError>) -> Void

    private let url: HTTPURL
    private let limits: HTTPClientLimits
    private let connection: OutgoingConnection
    private var message: [UInt8] = []
    /// How many bytes of the message have been sent.
    private var sent = 0
    private var parser: ResponseParser
    /// What the bytes of the present read amount to; nil while bytes are missing.
    private var outcome: Result<HTTPResponse, HTTPClientError>?
    private var completion: Completion?

    /// - Parameters:
    ///   - tls: for a URL with https; it is not used for another.
    ///   - loop: the calling thread, or not running yet.
    package init(
        url: HTTPURL, tls: TLSContext?, on loop: EventLoop,
        limits: HTTPClientLimits = HTTPClientLimits()
    ) {
        precondition(!url.usesTLS || tls != nil, "HTTPClient.init: https without a TLS context")
        self.url = url
        self.limits = limits
        parser = ResponseParser(limits: limits)
        // The limit of an attempt includes the response, since `established` is never called. A
        // request begins at once: its owner has a backoff.
        connection = OutgoingConnection(
            to: .tcp(host: url.host, port: url.port), tls: url.usesTLS ? tls : nil, on: loop,
            attemptMilliseconds: limits.exchangeMilliseconds,
            backoff: Backoff(millisecondsMin: 1, millisecondsMax: 1))
        connection.isWanted = false
        connection.start(for: self)
    }

    /// Sends a request. The completion is called once, on the loop.
    package func send(_ request: HTTPRequest, _ completion: @escaping Completion) {
        precondition(self.completion == nil, "send() while a request is under way")
        self.completion = completion
        message = request.bytes(to: url)
        connection.isWanted = true
    }

    /// Uses other certificates from the next request on.
    ///
    /// - Parameter tls: of a URL with https.
    package func adopt(tls: TLSContext) {
        precondition(url.usesTLS, "HTTPClient.adopt: the URL is not https")
        connection.adopt(tls: tls)
    }

    /// Closes the connection. The completion of a request is not called.
    package func close() {
        completion = nil
        connection.close()
    }

    private func finish(_ result: Result<HTTPResponse, HTTPClientError>) {
        connection.end()
        complete(result)
    }

    private func complete(_ result: Result<HTTPResponse, HTTPClientError>) {
        connection.isWanted = false
        message = []
        parser = ResponseParser(limits: limits)
        completion.take()?(result)
    }

    // MARK: - The connection

    package func connectionOpened() {
        parser = ResponseParser(limits: limits)
        outcome = nil
        sent = 0
        connection.requestFlush()
    }

    package func connectionFlushed(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {
        while sent < message.count {
            guard let count = try send(message, sent) else { return }
            sent += count
        }
    }

    package func connectionReceived(_ bytes: Span<UInt8>) {
        guard outcome == nil else { return }
        do {
            if let response = try parser.received(bytes) { outcome = .success(response) }
        } catch {
            outcome = .failure(.response(error))
        }
    }

    package func connectionReadEnded() {
        // A response that comes before the whole request was sent ends the exchange, too.
        if completion != nil, let outcome = outcome.take() { finish(outcome) }
    }

    package func connectionLost(_ error: OutgoingConnectionError) {
        guard completion != nil else { return }
        switch error {
        case .timedOut: complete(.failure(.timedOut))
        case .ended:
            do { complete(.success(try parser.ended())) } catch {
                complete(.failure(.response(error)))
            }
        default: complete(.failure(.connection(error)))
        }
    }
}
