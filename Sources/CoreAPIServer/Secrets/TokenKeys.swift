internal import CoreAPIBase
internal import CoreAPIKit
internal import Logging
internal import Synchronization

/// The secrets and the key set that tokens are verified by. When one of them changes, each loop
/// gets another verifier, from its next turn on. Any thread may call it.
final class TokenKeys: Sendable {
    /// Receives a new verifier.
    typealias Publish = @Sendable (any TokenVerifier) -> Void

    private struct State {
        var secrets: [[UInt8]]
        var keySet: KeySetAvailability
        /// Why the last contents of the file are not used; nil if they are.
        var fileFailure: String?
        var publish: Publish?
    }

    private let state: Mutex<State>
    private let algorithms: AlgorithmsConfiguration
    private let policy: TokenPolicy
    private let logger: Logger
    /// The source of a URL; nil without one.
    private let source: KeySetSource?

    /// Begins to fetch a configured URL.
    init(_ configuration: Configuration, logger: Logger) throws(StartError) {
        algorithms = configuration.algorithms
        policy = configuration.tokenPolicy
        self.logger = logger
        var keySet = KeySetAvailability.notConfigured
        var source: KeySetSource?
        switch configuration.keySet?.source {
        case nil: break
        case .file(let file, let contents)?:
            keySet = .available(contents.keySet)
            file.warn(of: contents.keySet, logger)
        case .url(let url, let authorities)?:
            keySet = .unavailable
            var options = KeySetSourceOptions()
            options.staleAfter = .seconds(
                configuration.keySet?.staleSeconds ?? KeySetConfiguration.staleSecondsDefault)
            options.algorithms = algorithms.asymmetric
            options.logger = logger
            do { source = try KeySetSource(url, tls: authorities?.first.tls, options) } catch {
                throw .keySet(error)
            }
        }
        self.source = source
        state = Mutex(State(secrets: configuration.secrets.secrets, keySet: keySet))
    }

    /// Whether tokens of a secret are accepted.
    private var acceptsSecrets: Bool { algorithms.allowed?.contains(.hs256) ?? true }

    // MARK: - The verifier

    /// The verifier of the present keys.
    func verifier() throws(StartError) -> any TokenVerifier {
        let state = state.withLock { $0 }
        do { return try verifier(of: state) } catch { throw .secret(error) }
    }

    private func verifier(of state: State) throws(SecretError) -> any TokenVerifier {
        var keyUnknown: (@Sendable () -> Void)?
        if let source { keyUnknown = { source.refresh() } }
        return try TokenVerifiers.verifier(
            secrets: state.secrets, keys: state.keySet, algorithms: algorithms.allowed,
            policy: policy, keyUnknown: keyUnknown)
    }

    /// Passes on each later verifier.
    func publish(_ publish: @escaping Publish) {
        state.withLock { $0.publish = publish }
        source?.onChange { [weak self] keySet in
            self?.change { $0.keySet = keySet.map { .available($0) } ?? .unavailable }
        }
    }

    func use(secrets: [[UInt8]]) { change { $0.secrets = secrets } }

    func use(_ contents: KeySetFile.Contents, of file: KeySetFile) {
        change { $0.keySet = .available(contents.keySet) }
        file.warn(of: contents.keySet, logger)
    }

    /// Fetches the key set's URL by other authorities.
    func use(_ authorities: CertificateFiles.Contents) { source?.adopt(tls: authorities.tls) }

    /// The file's new contents are not used for this reason; nil if they are used.
    func fileFailed(_ error: KeySetFileError?) {
        state.withLock { $0.fileFailure = error.map { "\($0)" } }
    }

    /// Looks for a newer set of a URL. False without one.
    func refresh() -> Bool {
        source?.refresh()
        return source != nil
    }

    /// Changes the keys, and publishes the verifier in the order of the changes.
    private func change(_ body: (inout State) -> Void) {
        state.withLock { state in
            body(&state)
            do { state.publish?(try verifier(of: state)) } catch {
                logger.error("secrets not used", metadata: ["reason": "\(error)"])
            }
        }
    }

    // MARK: - Its state

    /// The state of the key set, for health checks and metrics; nil without a configured set.
    var status: KeySetReport? {
        let (keySet, fileFailure, hasSecret) = state.withLock {
            ($0.keySet, $0.fileFailure, !$0.secrets.isEmpty && acceptsSecrets)
        }
        if case .notConfigured = keySet { return nil }
        guard let status = source?.status else {
            guard case .available(let keySet) = keySet else { return nil }
            return KeySetReport(
                keySet: keySet, failure: fileFailure, hasSecret: hasSecret, fetches: nil)
        }
        return KeySetReport(
            keySet: status.keySet, failure: status.failure.map { "\($0)" }, hasSecret: hasSecret,
            fetches: status)
    }
}

/// The state of the configured key set.
struct KeySetReport: Sendable {
    /// The set in use; nil without one.
    let keySet: JSONWebKeySet?
    /// Why the last fetch, or the file's last contents, brought no set; nil if they did.
    let failure: String?
    /// Whether tokens of a secret are accepted beside.
    let hasSecret: Bool
    /// The fetches of a URL; nil for a file.
    let fetches: KeySetStatus?

}

extension JSONWebKeySet {
    /// The number of keys that can verify tokens.
    var usableCount: Int { count - unusedKeys.count }
}
