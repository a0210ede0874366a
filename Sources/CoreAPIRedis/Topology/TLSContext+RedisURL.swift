package import CoreAPIBase

extension TLSContext {
    /// The TLS context for connections to the URL; nil without TLS (`redis://`, `unix://`).
    ///
    /// Throws `TLSOptionsError.notUsed` if options are set for a URL without TLS.
    package static func of(
        _ url: RedisURL, _ options: TLSOptions
    ) throws(TLSOptionsError) -> TLSContext? {
        if url.place.usesTLS { return try TLSContext(options) }
        guard options == TLSOptions() else { throw .notUsed }
        return nil
    }
}
