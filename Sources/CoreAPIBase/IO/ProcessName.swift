internal import Glibc

/// What tells this process from others that use the same Redis.
package enum ProcessName {
    /// The machine's name; `localhost` if it has none.
    package static let host: String = {
        // Linux allows 64 bytes, and the zero at the end.
        var name = [CChar](repeating: 0, count: 65)
        let result = unsafe gethostname(&name, name.count - 1)
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let text = String(decoding: bytes, as: UTF8.self)
        return result == 0 && !text.isEmpty ? text : "localhost"
    }()

    /// The process's number.
    package static var number: Int32 { getpid() }
}
