internal import CoreAPIHTTP

/// An endpoint: its ports, its check of a head, and its handler.
///
/// `Endpoint` is a class, because each copy of a struct would retain its closures.
final class Endpoint: Sendable {
    /// The ports of an endpoint or a listener. If `METRICS_PORT` is the callers' port, its listener
    /// has both sites.
    struct Sites: OptionSet, Sendable {
        let rawValue: UInt8

        /// `HTTP_PORT`.
        static let callers = Sites(rawValue: 1)
        /// `METRICS_PORT`.
        static let operators = Sites(rawValue: 2)
        /// The operators' port of a server with a console.
        static let console = Sites(rawValue: 4)
    }

    typealias HeadCheck = @Sendable (RequestHead, Span<UInt8>) -> Problem?
    typealias Handler = @Sendable (Exchange, RequestHead, [UInt8], Range<Int>) -> Response?

    let sites: Sites
    /// Checks a head before the caller sends the body, and returns the refusal or nil. Nil for an
    /// endpoint without such a check.
    let headCheck: HeadCheck?
    /// Answers a request: its head, its bytes and the range of its body. Nil if the answer comes
    /// later.
    let handle: Handler

    init(
        sites: Sites, headCheck: HeadCheck? = nil, handle: @escaping Handler
    ) {
        self.sites = sites
        self.headCheck = headCheck
        self.handle = handle
    }
}
