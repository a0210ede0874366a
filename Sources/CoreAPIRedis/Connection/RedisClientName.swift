internal import CoreAPIBase

/// The name of a connection in Redis's `CLIENT LIST`: `core-api:HOST:PID:ROLE`.
package struct RedisClientName: Hashable, Sendable {
    /// The name, of characters that `CLIENT SETNAME` accepts.
    let text: String

    /// Limit of the host's bytes and of the role's.
    private static let partBytesMax = 64

    /// - Parameters:
    ///   - role: what the connection is for: the number of the event loop whose transactions it
    ///     carries, or a word.
    ///   - host: of this machine. A byte that is no letter, digit, `.`, `_` or `-` becomes `-`.
    ///   - process: the process ID.
    init(role: String, host: String, process: Int32) {
        text = "core-api:\(Self.part(host)):\(process):\(Self.part(role))"
    }

    /// The name of a connection of this process.
    ///
    /// - Parameter role: as above.
    package init(role: String) {
        self.init(role: role, host: ProcessName.host, process: ProcessName.number)
    }

    private static func part(_ text: String) -> String {
        let bytes = text.utf8.prefix(partBytesMax).map { byte in
            isAllowed(byte) ? byte : UInt8(ascii: "-")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// The words of the command that gives the connection this name. A user without the right
    /// `+client|setname` gets an error, which is ignored.
    var command: [String] { ["CLIENT", "SETNAME", text] }
}
