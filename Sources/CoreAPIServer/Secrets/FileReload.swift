/// The state machine that decides when to use the contents of a polled file.
///
/// A file may change by a rename, by the swap of a link (as Kubernetes does), or in place, when it
/// is empty or half written for a moment. The machine compares contents and accepts a change after
/// two consecutive polls with equal results. Until then the old contents stay in use.
struct FileReload<Value: Equatable, Failure: Error & Equatable> {
    /// The result of one poll of the file.
    typealias Finding = Result<Value, Failure>

    enum Action {
        /// Do nothing: the file is unchanged or not settled.
        case nothing
        /// Use these contents from now on.
        case use(Value)
        /// Log that the contents are unchanged: after SIGHUP, or when a failure is over.
        case unchanged
        /// Log the error and keep the contents in use.
        case keep(Failure)
    }

    private(set) var inUse: Value
    private var last: Finding
    /// The finding of the last action: a failure is logged once.
    private var acted: Finding

    init(inUse value: Value) {
        inUse = value
        last = .success(value)
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
        case .success(let value):
            inUse = value
            return .use(value)
        }
    }
}

extension FileReload.Action: Equatable {}
