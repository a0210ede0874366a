public import CoreAPIBase

/// Why a ``KeySetSource`` cannot be made. No text has the URL, which may hold a secret.
@nonexhaustive public enum KeySetSourceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The URL is invalid; the text says what a valid one is.
    case url(String)
    /// An option is out of its bounds.
    case argumentInvalid(ArgumentError)
    /// The file of the authorities' certificates cannot be used.
    case authorityFile(TLSOptionsError)
    /// The event loop cannot be started.
    case system(SystemError)

    public var description: String {
        switch self {
        case .url(let rule): "the URL of the key set is not valid: \(rule)"
        case .argumentInvalid(let error): "\(error)"
        case .authorityFile(let error): "\(error)"
        case .system(let error): "\(error)"
        }
    }
}
