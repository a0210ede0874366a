internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// The program: reads the command line and the environment, builds the server and runs it.
@main
enum CoreAPIServer {
    static func main() {
        // Before all else: until then a SIGHUP ends the process. Commands end by their signals.
        if CommandLine.argc == 1 { Process.holdSignals() }
        let arguments = Array(CommandLine.arguments.dropFirst())
        let command: Command
        do { command = try Command(arguments) } catch {
            fail(.usage, "\(error.reason)\n\n\(Command.usage)")
        }
        switch command {
        case .help: Process.print(Command.usage)
        case .version: Process.print("core-api \(Command.versionNumber)\n")
        case .token(let arguments): printToken(arguments)
        case .keys(let arguments): printKeys(arguments)
        case .operate(let command, let asJSON): operate(command, asJSON: asJSON)
        case .serve: serve()
        }
    }

    /// Prints a token with the claims that the Auth API gives to this user.
    private static func printToken(_ arguments: TokenArguments) {
        do {
            let answer = try TokenCommand.run(
                arguments, EnvironmentReader(Process.environment), now: .now())
            for warning in answer.warnings { Process.complain("warning: \(warning)") }
            Process.print(answer.token + "\n")
        } catch {
            if let error = error as? KeyCommands.Failure { fail(error) }
            let mayPass = (error as? ConfigurationError)?.mayPass == true
            fail(mayPass ? .failure : .configuration, "\(error)")
        }
    }

    private static func printKeys(_ arguments: KeysArguments) {
        do { Process.print(try KeyCommands.keySet(arguments)) } catch { fail(error) }
    }

    private static func fail(_ failure: KeyCommands.Failure) -> Never {
        fail(
            failure.mayPass ? .failure : .configuration,
            "\(failure.subject) cannot be used: \(failure.reason)")
    }

    /// Runs a command for operators with the server's environment, of which it needs the queue and
    /// Redis alone.
    private static func operate(_ command: OperatorCommand, asJSON: Bool) {
        do {
            let values = EnvironmentReader(Process.environment)
            let target = try Inspector.Target(values)
            Process.exit(try OperatorProgram.run(command, asJSON: asJSON, target))
        } catch let error as ConfigurationError {
            fail(error.mayPass ? .failure : .configuration, "\(error)")
        } catch {
            fail(.failure, "\(error)")
        }
    }

    private static func serve() {
        let configuration: Configuration
        let inherited: InheritedSockets
        let watchdogMilliseconds: Int?
        do {
            inherited = try ServiceManager.inheritedSockets(
                Process.environment, process: Process.identifier)
            watchdogMilliseconds = try ServiceManager.watchdogMilliseconds(
                Process.environment, process: Process.identifier)
            configuration = try Configuration(
                environment: Process.environment, cores: Process.cores,
                openFilesMax: Process.raiseOpenFilesLimit(to: OpenFiles.limitMax),
                memoryBytes: Process.memoryBytes,
                inheritsMetricsSocket: !inherited.operators.isEmpty)
        } catch {
            fail(error.mayPass ? .failure : .configuration, "\(error)")
        }
        let logger = makeLogger(configuration)
        warn(configuration, logger)
        checkPartitions(configuration)
        checkDurability(configuration, logger)
        do {
            let server = try Server(configuration, inherited: inherited, logger: logger)
            try server.run(watchdogMilliseconds: watchdogMilliseconds)
        } catch {
            if error.isOfConfiguration { fail(.configuration, reason(error)) }
            logger.critical("cannot start", metadata: ["reason": "\(reason(error))"])
            Process.exit(.failure)
        }
        Process.exit(.ok)
    }

    private static func makeLogger(_ configuration: Configuration) -> Logger {
        let format = configuration.logFormat ?? (Process.errorIsTerminal ? .text : .json)
        var logger = Logger(label: "core-api") { _ in LineLogHandler(format: format) }
        logger.logLevel = configuration.logLevel
        return logger
    }

    private static func warn(_ configuration: Configuration, _ logger: Logger) {
        let secrets = configuration.secrets
        for warning in SecretsConfiguration.warnings(
            secrets.secrets, inFile: secrets.file != nil)
        {
            logger.warning("\(warning)")
        }
        if let warning = configuration.algorithms.warning(hasSecret: !secrets.secrets.isEmpty) {
            logger.warning("\(warning)")
        }
        if let warning = configuration.redis.url.loginWarning {
            logger.warning("REDIS_URL: \(warning)")
        }
        if let console = configuration.console,
            console.password.count < ConsoleConfiguration.bytesRecommendedMin
        {
            let warning =
                "\(ConsoleConfiguration.fileVariable): the password can be guessed: use "
                + "\(ConsoleConfiguration.bytesRecommendedMin) characters or more"
            logger.warning("\(warning)")
        }
        if configuration.queue == .memory {
            let unused = configuration.unusedVariables.joined(separator: ", ")
            logger.warning(
                "QUEUE is memory: transactions are neither kept nor processed",
                metadata: unused.isEmpty ? [:] : ["unused": "\(unused)"])
        }
    }

    /// Checks that the stream has as many partitions in Redis. If it has another number, the server
    /// exits with a status after which a service manager retries: an operator may correct Redis
    /// meanwhile. If Redis cannot be asked, the server starts, and is not ready before it can.
    private static func checkPartitions(_ configuration: Configuration) {
        guard case .stream(let partitions) = configuration.queue else { return }
        do {
            guard let count = try PartitionsCheck.otherCount(partitions, configuration) else {
                return
            }
            fail(
                .failure,
                PartitionsCheck.refusal(partitions, inRedis: count, configuration.redis.url))
        } catch {
            fail(.failure, "\(error)")
        }
    }

    /// Checks that Redis supports the configured `DURABILITY`. If Redis refuses it, the server
    /// exits with a status after which a service manager retries, since an operator may correct
    /// Redis meanwhile. If Redis or a replica is unreachable, the server starts anyway.
    private static func checkDurability(_ configuration: Configuration, _ logger: Logger) {
        guard let barrier = configuration.durability else { return }
        do {
            switch try DurabilityCheck.run(barrier, configuration, logger) {
            case .given: break
            case .refused(let reason):
                fail(
                    .failure,
                    "DURABILITY cannot be had of \(configuration.redis.url): \(reason)")
            case .notYet(let reason):
                logger.warning(
                    "DURABILITY cannot be had yet: transactions are not confirmed",
                    metadata: ["reason": "\(reason)"])
            case .unknown(let reason):
                logger.warning(
                    "DURABILITY is not checked: Redis cannot be asked",
                    metadata: ["reason": "\(reason)"])
            }
        } catch {
            fail(.failure, "\(error)")
        }
    }

    private static func reason(_ error: StartError) -> String {
        switch error {
        case .secret(let error): "JWT_SECRET cannot be used: \(error)"
        case .keySet(let error): "\(KeySetConfiguration.urlVariable) cannot be used: \(error)"
        case .host(let reason): reason
        case .inheritedSocket:
            "LISTEN_FDS: a file descriptor that was given is not a listening TCP or Unix socket"
        case .system(let error, let wanted): "\(wanted): \(error)"
        }
    }

    private static func fail(_ status: Process.Status, _ reason: String) -> Never {
        Process.complain(reason)
        Process.exit(status)
    }
}
