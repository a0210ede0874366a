internal import Glibc

/// An error that the kernel reported.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The value of `errno`.
    public let code: Int32
    /// The name of the call that failed: `connect`.
    public let call: String

    package init(code: Int32, call: String) {
        self.code = code
        self.call = call
    }

    /// `EPROTO`: the peer violates its protocol.
    static let protocolError = EPROTO

    /// `ECONNREFUSED`: no socket listens at the address.
    static let connectionRefused = SystemError(code: ECONNREFUSED, call: "connect")

    /// `connect: Connection refused`.
    public var description: String {
        let message = unsafe strerror(code)
        return unsafe "\(call): \(message.map { unsafe String(cString: $0) } ?? "error \(code)")"
    }
}

/// The single wrapper through which this package makes system calls.
enum SystemCall {
    /// Runs a system call and retries it after EINTR. Nil if the call would block, or, for
    /// `connect`, is in progress. EBADF and EFAULT are programming errors: trap.
    static func run<Value: FixedWidthInteger>(
        _ name: String, _ body: () -> Value
    ) throws(SystemError) -> Value? {
        while true {
            let value = body()
            if value != -1 { return value }
            let code = errno
            switch code {
            case EINTR: continue
            case EAGAIN, EINPROGRESS: return nil
            case EBADF, EFAULT:
                preconditionFailure("SystemCall.run: \(name) failed with errno \(code)")
            default: throw SystemError(code: code, call: name)
            }
        }
    }
}
