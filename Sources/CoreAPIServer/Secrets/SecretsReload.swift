/// Decides when the secrets of a file that is looked at again and again are taken over.
///
/// A file may be changed by a rename, by the swap of a link (as Kubernetes does), or in place, when
/// it is empty or half written for a moment. So the contents are compared, and a change counts once
/// two looks, one after the other, have found the same; until then the old secrets stay.
struct SecretsReload {
    /// What a look at the file found.
    typealias Finding = Result<[[UInt8]], SecretsFileError>

    enum Action: Equatable {
        /// Nothing is new.
        case nothing
        /// These are the secrets from now on.
        case use([[UInt8]])
        /// The secrets are those in use; to be told, since somebody asked or a failure is over.
        case unchanged
        /// The file cannot be used, and the secrets in use stay.
        case keep(SecretsFileError)
    }

    /// From one look to the next.
    static let intervalMilliseconds = 1_000

    private(set) var inUse: [[UInt8]]
    private var last: Finding
    /// What was acted upon last: a failure is told once.
    private var told: Finding

    init(inUse secrets: [[UInt8]]) {
        inUse = secrets
        last = .success(secrets)
        told = last
    }

    /// A look at the file because its time has come.
    mutating func looked(_ found: Finding) -> Action {
        let isSettled = found == last
        last = found
        return isSettled && found != told ? take(found) : .nothing
    }

    /// A look because somebody asked for it, who says by that that the file is complete.
    mutating func asked(_ found: Finding) -> Action {
        last = found
        return take(found)
    }

    private mutating func take(_ found: Finding) -> Action {
        told = found
        switch found {
        case .failure(let error): return .keep(error)
        case .success(inUse): return .unchanged
        case .success(let secrets):
            inUse = secrets
            return .use(secrets)
        }
    }
}
