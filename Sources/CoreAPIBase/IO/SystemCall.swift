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

    /// `EPROTO`: the other side does not keep to its protocol.
    static let protocolError = EPROTO

    /// Nobody listens there.
    static let connectionRefused = SystemError(code: ECONNREFUSED, call: "connect")

    /// `connect: Connection refused`.
    public var description: String {
        let message = unsafe strerror(code)
        return unsafe "\(call): \(message.map { unsafe String(cString: $0) } ?? "error \(code)")"
    }
}

/// The one way of this package into the kernel.
enum SystemCall {
    /// Makes a call again while a signal interrupts it. Nil if it would block, or, for `connect`,
    /// is in progress. A descriptor that is none, or memory that is not ours, is our own mistake.
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
            case EBADF, EFAULT: preconditionFailure("\(name) failed with errno \(code)")
            default: throw SystemError(code: code, call: name)
            }
        }
    }
}
