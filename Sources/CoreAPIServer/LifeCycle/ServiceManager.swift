internal import CoreAPIBase
internal import CoreAPIKit
internal import Glibc

/// The protocol of systemd and compatible service managers: the inherited socket
/// (sd_listen_fds(3)) and state notifications (sd_notify(3)), without systemd's library.
enum ServiceManager {
    /// A state of the server that the service manager is notified of.
    enum State: String {
        /// The server listens.
        case ready = "READY=1"
        /// The server drains: it accepts no connections and finishes requests in flight.
        case stopping = "STOPPING=1"
        /// Every event loop has turned since the last time.
        case watchdog = "WATCHDOG=1"
    }

    /// The first inherited descriptor (SD_LISTEN_FDS_START).
    private static let firstDescriptor: Int32 = 3
    /// The timeout of sending a notification to the service manager.
    private static let sendTimeoutSeconds = 5

    /// The limit of inherited sockets.
    private static let socketsMax = 64

    /// The inherited listening sockets, by their names in `LISTEN_FDNAMES`.
    ///
    /// - Parameter process: this process's identifier: `LISTEN_PID` must name it.
    static func inheritedSockets(
        _ environment: @escaping (String) -> [UInt8]?, process: Int32
    ) throws(ConfigurationError) -> InheritedSockets {
        let values = EnvironmentReader(environment)
        guard try values.integer("LISTEN_PID", in: 1...Int(Int32.max)) == Int(process),
            let count = try values.integer("LISTEN_FDS", in: 0...Int(Int32.max)), count > 0
        else { return InheritedSockets() }
        guard count <= socketsMax else {
            throw ConfigurationError(
                variable: "LISTEN_FDS", value: "\(count)",
                expectation: "give at most \(socketsMax) sockets: ListenStream= in socket units")
        }
        let names = try values.text("LISTEN_FDNAMES").map {
            $0.split(separator: ":", omittingEmptySubsequences: false)
        }
        if let names, names.count != count {
            throw ConfigurationError(
                variable: "LISTEN_FDNAMES", value: names.joined(separator: ":"),
                expectation: "give as many names as LISTEN_FDS says: \(count)")
        }
        var sockets = InheritedSockets()
        for index in 0..<count {
            let isOperators = names.map { $0[index] == InheritedSockets.operatorsName } ?? false
            let descriptor = firstDescriptor + Int32(index)
            if isOperators {
                sockets.operators.append(descriptor)
            } else {
                sockets.callers.append(descriptor)
            }
        }
        return sockets
    }

    /// How often the service manager is to be told that the server lives, in milliseconds: half of
    /// the time in `WATCHDOG_USEC`; nil if it is not to be told.
    ///
    /// - Parameter process: this process's identifier: `WATCHDOG_PID`, if it is set, must name it.
    static func watchdogMilliseconds(
        _ environment: @escaping (String) -> [UInt8]?, process: Int32
    ) throws(ConfigurationError) -> Int? {
        let values = EnvironmentReader(environment)
        let watched = try values.integer("WATCHDOG_PID", in: 1...Int(Int32.max))
        guard watched == nil || watched == Int(process),
            let microseconds = try values.integer("WATCHDOG_USEC", in: 1...Int(Int64.max))
        else { return nil }
        return max(1, microseconds / 2_000)
    }

    /// Notifies the service manager of the state, if `NOTIFY_SOCKET` is set.
    ///
    /// - Returns: false if sending failed.
    static func notify(_ state: State) -> Bool {
        guard let name = Process.environment("NOTIFY_SOCKET"), !name.isEmpty else { return true }
        // An event loop, which must not wait, sends the watchdog's notice.
        return send(
            Array(state.rawValue.utf8), toUnixSocket: name, waits: state != .watchdog)
    }

    /// - Parameter name: a path, or, with `@` in front, an abstract name (unix(7)).
    private static func send(
        _ message: [UInt8], toUnixSocket name: [UInt8], waits: Bool
    ) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { path in
            unsafe path.copyBytes(from: name)
            if name[0] == UInt8(ascii: "@") { unsafe path[0] = 0 }
        }
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let number = socket(AF_UNIX, type, 0)
        guard number >= 0 else { return false }
        let descriptor = FileDescriptor(taking: number)
        var timeout = timeval(tv_sec: sendTimeoutSeconds, tv_usec: 0)
        let timeoutSize = socklen_t(MemoryLayout<timeval>.size)
        guard
            unsafe setsockopt(
                descriptor.number, SOL_SOCKET, SO_SNDTIMEO, &timeout, timeoutSize) == 0
        else { return false }
        let length = MemoryLayout.offset(of: \sockaddr_un.sun_path).map { $0 + name.count }
        guard let length else { return false }
        let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
        let sent = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe sendto(
                    descriptor.number, message, message.count, flags, address,
                    socklen_t(length))
            }
        }
        return sent == message.count
    }
}
