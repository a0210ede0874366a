internal import CoreAPIBase
internal import CoreAPIKit
internal import Logging

extension Server {
    /// The ports that the callers' listeners serve.
    static func callersSite(_ configuration: Configuration) -> Endpoint.Sites {
        guard configuration.metrics?.isPublic == true else { return .callers }
        return configuration.console == nil
            ? [.callers, .operators] : [.callers, .operators, .console]
    }

    /// The operators' web page; nil without `CONSOLE_PASSWORD_FILE`.
    static func console(
        _ configuration: Configuration, _ registry: MetricsRegistry?, _ refusals: QueueRefusals,
        _ logger: Logger
    ) throws(StartError) -> Console? {
        guard let console = configuration.console, let registry else { return nil }
        do {
            let loop = try EventLoop()
            let inspector = Inspector(configuration.target, refusals: refusals, on: loop)
            return Console(console, inspector, registry, on: loop, logger: logger)
        } catch {
            throw .system(error, "the loop of the console")
        }
    }
}
