internal import Glibc

/// Identifies this process among the processes that use the same Redis.
package enum ProcessName {
    /// The host name; `localhost` if the system has no host name.
    package static let host: String = {
        // Linux limits a host name to 64 bytes and a terminating zero.
        var name = [CChar](repeating: 0, count: 65)
        let result = unsafe gethostname(&name, name.count - 1)
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let text = String(decoding: bytes, as: UTF8.self)
        return result == 0 && !text.isEmpty ? text : "localhost"
    }()

    /// The process ID.
    package static var number: Int32 { getpid() }
}
