internal import CoreAPIKit

extension EnvironmentReader {
    private enum Variable: String, CaseIterable {
        case function = "RQ_FUNCTION"
        case timeout = "RQ_JOB_TIMEOUT"
        case failureLifetime = "RQ_FAILURE_TTL"
        case keyPrefix = "RQ_KEY_PREFIX"

        /// The variable that the option of this name comes from.
        init(option: String) {
            switch option {
            case "function": self = .function
            case "timeoutSeconds": self = .timeout
            case "failureLifetime": self = .failureLifetime
            default: self = .keyPrefix
            }
        }
    }

    /// What workers of python-rq run, for `QUEUE=rq:NAME`.
    func jobs() throws(ConfigurationError) -> RQJobOptions {
        var options = RQJobOptions()
        options.function = try text(Variable.function.rawValue) ?? options.function
        switch try lifetime(.timeout, in: RQJobOptions.timeoutSecondsBounds, unbounded: "no limit")
        {
        case .standard: break
        case .limited(let seconds): options.timeoutSeconds = seconds
        case .forever: options.timeoutSeconds = nil
        }
        options.failureLifetime = try lifetime(
            .failureLifetime, in: RQJobOptions.failureSecondsBounds, unbounded: "for ever")
        options.keyPrefix = try text(Variable.keyPrefix.rawValue) ?? options.keyPrefix
        do { try options.check() } catch {
            let variable = Variable(option: error.argument).rawValue
            throw ConfigurationError(
                variable: variable, value: try text(variable),
                expectation: "give \(error.expectation)")
        }
        return options
    }

    /// Throws if a variable of python-rq's jobs is set for another queue.
    func checkNoJobs(_ queue: Configuration.Queue) throws(ConfigurationError) {
        for variable in Variable.allCases {
            guard let value = try text(variable.rawValue) else { continue }
            throw ConfigurationError(
                variable: variable.rawValue, value: value,
                expectation: "QUEUE is \(queue.name): only rq:NAME has jobs of python-rq")
        }
    }

    /// A number of seconds; -1 for no bound, as in rq.
    private func lifetime(
        _ variable: Variable, in bounds: ClosedRange<Int>, unbounded: String
    ) throws(ConfigurationError) -> RQJobOptions.FailureLifetime {
        guard let text = try text(variable.rawValue) else { return .standard }
        if text == "-1" { return .forever }
        guard let value = WholeNumber.read(text[...]), bounds.contains(value) else {
            throw ConfigurationError(
                variable: variable.rawValue, value: text,
                expectation: "give seconds, \(WholeNumber.expectation(bounds)), or -1: "
                    + unbounded)
        }
        return .limited(seconds: value)
    }
}
