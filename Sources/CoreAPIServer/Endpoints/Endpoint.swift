internal import CoreAPIHTTP

/// One endpoint: where it is served, who may use it, what it does.
///
/// A class, since a request refers to it, and a copy would count each of its closures.
final class Endpoint: Sendable {
    /// The ports that an endpoint, or a listener, belongs to. With one port for both, the listener
    /// has both.
    struct Sites: OptionSet, Sendable {
        let rawValue: UInt8

        /// `HTTP_PORT`.
        static let callers = Sites(rawValue: 1)
        /// `METRICS_PORT`.
        static let operators = Sites(rawValue: 2)
    }

    /// What a request must bring, as docs/openapi.json says.
    enum Access: Sendable {
        case anyone
        /// A token of the Auth API.
        case token
    }

    typealias HeadCheck = @Sendable (RequestHead, Span<UInt8>) -> Problem?
    typealias Handler = @Sendable (Exchange, RequestHead, [UInt8], Range<Int>) -> Response?

    let sites: Sites
    let access: Access
    /// The refusal that the head alone earns, before the body is sent; nil without one.
    let headCheck: HeadCheck?
    /// Answers a request of head, bytes and the place of its body; nil if the answer comes later.
    let handle: Handler

    init(
        sites: Sites, access: Access = .anyone, headCheck: HeadCheck? = nil,
        handle: @escaping Handler
    ) {
        self.sites = sites
        self.access = access
        self.headCheck = headCheck
        self.handle = handle
    }
}
