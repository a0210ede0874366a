/// The state machine that decides when to use the secrets of a polled file.
///
/// A file may change by a rename, by the swap of a link (as Kubernetes does), or in place, when it
/// is empty or half written for a moment. The machine compares contents and accepts a change after
/// two consecutive polls with equal results. Until then the old secrets stay in use.
struct SecretsReload {
    /// The result of one poll of the file.
    typealias Finding = Result<[[UInt8]], SecretsFileError>

    enum Action: Equatable {
        /// Do nothing: the file is unchanged or not settled.
        case nothing
        /// Use these secrets from now on.
        case use([[UInt8]])
        /// Log that the secrets are unchanged: after SIGHUP, or when a failure is over.
        case unchanged
        /// Log the error and keep the secrets in use.
        case keep(SecretsFileError)
    }

    /// The interval between polls.
    static let intervalMilliseconds = 1_000

    private(set) var inUse: [[UInt8]]
    private var last: Finding
    /// The finding of the last action: a failure is logged once.
    private var acted: Finding

    init(inUse secrets: [[UInt8]]) {
        inUse = secrets
        last = .success(secrets)
        acted = last
    }

    /// A periodic poll of the file finished.
    mutating func looked(_ found: Finding) -> Action {
        let isSettled = found == last
        last = found
        return isSettled && found != acted ? take(found) : .nothing
    }

    /// A poll after SIGHUP finished. The signal implies that the file is complete.
    mutating func asked(_ found: Finding) -> Action {
        last = found
        return take(found)
    }

    private mutating func take(_ found: Finding) -> Action {
        acted = found
        switch found {
        case .failure(let error): return .keep(error)
        case .success(inUse): return .unchanged
        case .success(let secrets):
            inUse = secrets
            return .use(secrets)
        }
    }
}
