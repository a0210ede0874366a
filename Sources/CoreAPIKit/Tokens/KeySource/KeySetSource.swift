package import CoreAPIBase
package import CoreAPIHTTP

/// The public keys of an issuer, fetched from its URL and kept up to date in the background.
///
/// No token waits for a fetch: ``keySet`` is what has been fetched so far. One fetch is in flight
/// at a time. A set is fetched again before it is not fresh any more (`Cache-Control: max-age`,
/// from 10 s to 1 h; without it 5 min), and after a token with an unknown key, at most once in 5 s
/// however many such tokens come. An answer that is broken, empty or no 200 never replaces a good
/// set, which is used until it is older than ``KeySetSourceOptions/staleAfter``.
///
/// The URL begins with `https://`, or with `http://` for this machine alone. The certificate and
/// the name of the host are always verified. Redirects, compression and the environment's proxies
/// are not used. Have one source for each URL in a process; it fetches until it is closed or
/// released.
public final class KeySetSource: Sendable {
    private let loop: EventLoop
    private let state = KeySetState()
    private let fetcher: KeySetFetcher

    /// Starts to fetch. Throws where the arguments cannot be used; an issuer that is away is no
    /// error.
    public convenience init(
        url: String, options: KeySetSourceOptions = KeySetSourceOptions()
    ) throws(KeySetSourceError) {
        do { try options.check() } catch { throw .argumentInvalid(error) }
        let parsed: HTTPURL
        do { parsed = try HTTPURL(url) } catch { throw .url(error.rawValue) }
        try self.init(parsed, tls: KeySetSource.tls(parsed, options.authorityFile), options)
    }

    /// - Parameters:
    ///   - tls: of `KeySetSource.tls`.
    ///   - options: within their bounds.
    package init(
        _ url: HTTPURL, tls: TLSContext?, _ options: KeySetSourceOptions
    ) throws(KeySetSourceError) {
        do { loop = try SharedEventLoop.running() } catch { throw .system(error) }
        fetcher = KeySetFetcher(
            url, tls: tls, on: loop, state,
            staleSeconds: options.staleAfter.wholeMilliseconds / 1_000,
            algorithms: options.algorithms, options.logger)
        loop.submit { [fetcher] in fetcher.start() }
    }

    deinit { close() }

    /// The TLS context of a URL with https; nil for another, for which no file may be given.
    package static func tls(
        _ url: HTTPURL, _ authorityFile: String?
    ) throws(KeySetSourceError) -> TLSContext? {
        guard url.usesTLS else {
            guard authorityFile == nil else {
                throw .url("http:// has no certificate that an authority could vouch for")
            }
            return nil
        }
        do { return try TLSContext(TLSOptions(authorityFile: authorityFile)) } catch {
            throw .authorityFile(error)
        }
    }

    // MARK: - The set in use

    /// The set in use; nil before the first one has come, and when the last one is too old.
    public var keySet: JSONWebKeySet? { state.status.keySet }

    /// The set in use, its age, and the last failure.
    public var status: KeySetStatus { state.status }

    /// A number that differs whenever the set in use differs.
    var generation: Int { state.generation }

    /// Calls the observer with the set in use, and again on each change, on the source's thread: it
    /// must not block. Nil means that there is none.
    public func onChange(_ observer: @escaping @Sendable (JSONWebKeySet?) -> Void) {
        loop.submit { [fetcher] in fetcher.add(observer) }
    }

    /// Asks for a newer set, for example after ``TokenError/keyUnknown``: it is fetched at once, or
    /// 5 s after the start of the last fetch. Any number of calls in between are one fetch.
    public func refresh() {
        if state.ask() { loop.submit { [fetcher] in fetcher.asked() } }
    }

    /// Verifies the issuer by other authorities from the next fetch on, and asks for one.
    ///
    /// - Parameter tls: of a URL with https.
    package func adopt(tls: TLSContext) { loop.submit { [fetcher] in fetcher.adopt(tls: tls) } }

    /// Ends fetching. The last set stays in ``keySet``; no observer is called any more.
    public func close() { loop.submit { [fetcher] in fetcher.end() } }
}
