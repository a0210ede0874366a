internal import CoreAPIKit

/// A command for operators: what the console shows and does, in a terminal.
enum OperatorCommand: Equatable {
    /// The dead letters that a command is about.
    enum Letters: Equatable {
        case id(String)
        case reason(String)
        case all
    }

    case status
    case transaction(String)
    /// The reasons and the newest letters, or those of a reason.
    case list(reason: String?, all: Bool)
    case show(String)
    case change(DeadLetterAction, Letters)

    /// - Parameter arguments: the command line from the command's name on.
    /// - Returns: the command, and whether it prints JSON; nil for `--help`.
    static func parse(
        _ arguments: [String]
    ) throws(UsageError) -> (command: OperatorCommand, asJSON: Bool)? {
        var words: [String] = []
        var reason: String?
        var (all, asJSON) = (false, false)
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "--help", "-h": return nil
            case "--json": asJSON = true
            case "--all": all = true
            case "--reason":
                guard let text = rest.popFirst(), !text.isEmpty, reason == nil else {
                    throw UsageError(reason: "--reason needs one text")
                }
                reason = text
            case _ where word.hasPrefix("--"):
                throw UsageError(reason: "\"\(word)\" is no option of \(words.first ?? "it")")
            default: words.append(word)
            }
        }
        return (try command(words, reason: reason, all: all), asJSON)
    }

    private static func command(
        _ words: [String], reason: String?, all: Bool
    ) throws(UsageError) -> OperatorCommand {
        let name = words.prefix(words.first == "dead" ? 2 : 1).joined(separator: " ")
        let operands = words.dropFirst(words.first == "dead" ? 2 : 1)
        let selects = (reason == nil ? 0 : 1) + (all ? 1 : 0)
        switch name {
        case "status" where operands.isEmpty && selects == 0: return .status
        case "transaction" where operands.count == 1 && selects == 0:
            return .transaction(operands[operands.startIndex])
        case "dead list" where operands.isEmpty: return .list(reason: reason, all: all)
        case "dead show" where operands.count == 1 && selects == 0:
            return .show(operands[operands.startIndex])
        case "dead requeue", "dead remove":
            let action: DeadLetterAction = name == "dead requeue" ? .requeue : .remove
            guard operands.count + selects == 1 else {
                throw UsageError(reason: "\(name) needs an ID, --reason TEXT or --all: one of them")
            }
            if let id = operands.first { return .change(action, .id(id)) }
            return .change(action, reason.map { .reason($0) } ?? .all)
        case "status": throw UsageError(reason: "status has no argument besides --json")
        case "transaction": throw UsageError(reason: "transaction needs the ID of one")
        case "dead list": throw UsageError(reason: "dead list has no ID: use dead show ID")
        case "dead show": throw UsageError(reason: "dead show needs one ID")
        default: throw UsageError(reason: "dead needs list, show, requeue or remove")
        }
    }
}
