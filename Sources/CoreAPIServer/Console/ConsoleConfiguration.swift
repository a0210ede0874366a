internal import CoreAPIBase
internal import CoreAPIKit

/// The configuration of the operators' web page.
struct ConsoleConfiguration: Equatable {
    /// The file of the password, which is read again when it changes.
    let file: String
    /// The password that the file had at the start.
    let password: [UInt8]
    /// Whether the console may put back and remove dead letters: `CONSOLE_ACTIONS`.
    let allowsActions: Bool

    static let fileVariable = "CONSOLE_PASSWORD_FILE"
    static let actionsVariable = "CONSOLE_ACTIONS"
    /// Below this length a password gets a warning.
    static let bytesRecommendedMin = 12
    private static let bytesMax = 1_024

    /// Nil if `CONSOLE_PASSWORD_FILE` is not set. No error shows a byte of the file.
    init?(_ values: EnvironmentReader, hasPort: Bool) throws(ConfigurationError) {
        allowsActions =
            try values.choice(Self.actionsVariable, [("on", true), ("off", false)]) ?? true
        guard let file = try values.text(Self.fileVariable) else {
            try values.refuse(
                Self.actionsVariable,
                because: "\(Self.fileVariable) is not set, so there is no console")
            return nil
        }
        func wrong(_ expectation: String, mayPass: Bool = false) -> ConfigurationError {
            ConfigurationError(
                variable: Self.fileVariable, value: file, expectation: expectation,
                mayPass: mayPass)
        }
        guard hasPort else {
            throw wrong("give METRICS_PORT too: the console is served there")
        }
        self.file = file
        switch Self.read(file) {
        case .success(let password): self.password = password
        case .failure(let problem):
            throw wrong(
                "\(problem.reason): give the path of a file that holds the password of the "
                    + "console, and nothing else, on one line", mayPass: problem.mayPass)
        }
    }

    /// Why a file has no password.
    struct Problem: Error, Equatable, CustomStringConvertible {
        let reason: String
        let mayPass: Bool

        var description: String { reason }
    }

    /// The password in the file: its only line.
    static func read(_ file: String) -> Result<[UInt8], Problem> {
        let found: [UInt8]?
        do { found = try Process.readFile(file, bytesMax: bytesMax + 1) } catch {
            return .failure(Problem(reason: "it cannot be read (\(error))", mayPass: true))
        }
        guard var bytes = found else {
            return .failure(Problem(reason: "it is not a regular file", mayPass: true))
        }
        while bytes.last == 0x0A || bytes.last == 0x0D { bytes.removeLast() }
        let isBlank = SecretRules.isBlank(bytes)
        guard !isBlank, bytes.count <= bytesMax, EnvironmentReader.text(bytes) != nil else {
            return .failure(
                Problem(
                    reason: "it is empty or white space alone, longer than \(bytesMax) bytes or "
                        + "not one line of text",
                    mayPass: isBlank))
        }
        return .success(bytes)
    }
}
