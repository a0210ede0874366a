package import CoreAPIBase

extension TLSContext {
    /// The TLS context that connections to the URL need: nil without TLS (`redis://`, `unix://`).
    ///
    /// Throws `TLSOptionsError.notUsed` for options that a URL without TLS would ignore.
    package static func of(
        _ url: RedisURL, _ options: TLSOptions
    ) throws(TLSOptionsError) -> TLSContext? {
        if case .tls = url.endpoint { return try TLSContext(options) }
        guard options == TLSOptions() else { throw .notUsed }
        return nil
    }
}
