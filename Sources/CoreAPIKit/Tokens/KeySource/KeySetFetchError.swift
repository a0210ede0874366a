internal import CoreAPIHTTP

/// Why a fetch has brought no key set. The set in use stays in use.
@nonexhaustive public enum KeySetFetchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No connection, or a lost one; the text is its reason, such as an invalid certificate.
    case connection(String)
    /// The answer was not complete in time: 10 s from the start of the fetch.
    case timedOut
    /// A status other than 200. Redirects are not followed.
    case status(Int)
    /// The answer is malformed, cut short, too large, or has a content coding.
    case answer(String)
    /// The content is no JWK Set.
    case keySet(KeySetError)
    /// The set has no key that can verify tokens with an accepted algorithm.
    case noUsableKey

    init(_ error: HTTPClientError) {
        switch error {
        case .timedOut, .connection(.timedOut): self = .timedOut
        case .connection: self = .connection("\(error)")
        case .response(let error): self = .answer(error.rawValue)
        }
    }

    /// One word for metrics: `connection`.
    package var word: String {
        switch self {
        case .connection: "connection"
        case .timedOut: "timeout"
        case .status: "status"
        case .answer: "answer"
        case .keySet: "key_set"
        case .noUsableKey: "no_usable_key"
        }
    }

    /// All words of metrics.
    package static let words = [
        "connection", "timeout", "status", "answer", "key_set", "no_usable_key",
    ]

    public var description: String {
        switch self {
        case .connection(let reason): reason
        case .timedOut: "no complete answer in time"
        case .status(let status): "the status is \(status), not 200"
        case .answer(let reason): "the answer is not accepted: \(reason)"
        case .keySet(let error): "the key set is not accepted: \(error)"
        case .noUsableKey: "the key set has no key that can verify tokens"
        }
    }
}
