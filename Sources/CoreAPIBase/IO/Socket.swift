internal import CEpoll
internal import Glibc

/// A non-blocking stream socket: TCP, or Unix within this machine.
package struct Socket: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    package init(taking number: Int32) { descriptor = FileDescriptor(taking: number) }

    private init(family: Int32) throws(SystemError) {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = try SystemCall.run("socket") { socket(family, type, 0) }
        guard let number else { preconditionFailure("Socket.init: socket(2) returned EAGAIN") }
        self.init(taking: number)
    }

    // MARK: - Opening

    /// Begins to connect. The socket becomes writable once the attempt has succeeded or failed;
    /// `connectionError` returns the outcome.
    package static func connecting(to address: SocketAddress) throws(SystemError) -> Socket {
        let socket = try Socket(family: address.family)
        let isLocal = address.family == AF_UNIX
        if !isLocal {
            try socket.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
            try socket.setOption(SOL_SOCKET, SO_KEEPALIVE, 1)
        }
        let number = socket.descriptor.number
        let result = try SystemCall.run("connect") {
            unsafe address.withSystemAddress { address, length in
                unsafe connect(number, address, length)
            }
        }
        // A Unix socket connects at once, unless the listener's backlog is full.
        if isLocal, result == nil { throw SystemError(code: EAGAIN, call: "connect") }
        return socket
    }

    /// A listening socket.
    ///
    /// - Parameter sharesPort: whether several sockets of this process listen on the port. The
    ///   kernel distributes the connections among them.
    package static func listening(
        on address: SocketAddress, sharesPort: Bool, backlog: Int32
    ) throws(SystemError) -> Socket {
        let socket = try bound(to: address, sharesPort: sharesPort)
        // Accepted connections inherit TCP_NODELAY: answers leave at once.
        if address.family != AF_UNIX { try socket.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
        let number = socket.descriptor.number
        _ = try SystemCall.run("listen") { listen(number, backlog) }
        return socket
    }

    /// A duplicate of a listening socket, TCP or Unix, such as one that the process inherited, so
    /// that several loops can accept from one socket. Nil if the descriptor is none.
    ///
    /// - Parameter number: the descriptor. It stays open, so that it can be duplicated
    ///   again.
    package static func listening(inherited number: Int32) throws(SystemError) -> Socket? {
        let family = option(SO_DOMAIN, of: number)
        let isTCP =
            (family == AF_INET || family == AF_INET6)
            && option(SO_PROTOCOL, of: number) == Int32(IPPROTO_TCP)
        let isUnix =
            family == AF_UNIX && option(SO_TYPE, of: number) == Int32(SOCK_STREAM.rawValue)
        guard isTCP || isUnix, option(SO_ACCEPTCONN, of: number) == 1
        else { return nil }
        let copy = try SystemCall.run("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 0) }
        guard let copy else { preconditionFailure("F_DUPFD_CLOEXEC returned EAGAIN") }
        let socket = Socket(taking: copy)
        let flags = try SystemCall.run("fcntl") { fcntl(copy, F_GETFL) }
        guard let flags else { preconditionFailure("F_GETFL returned EAGAIN") }
        _ = try SystemCall.run("fcntl") { fcntl(copy, F_SETFL, flags | O_NONBLOCK) }
        if isTCP { try socket.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
        return socket
    }

    /// A socket option; nil if the descriptor is no socket.
    private static func option(_ option: Int32, of number: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let result = unsafe getsockopt(number, SOL_SOCKET, option, &value, &length)
        return result == 0 ? value : nil
    }

    /// A bound socket that does not listen yet. Throws if another socket listens on the address,
    /// unless both share the port.
    package static func bound(
        to address: SocketAddress, sharesPort: Bool
    ) throws(SystemError) -> Socket {
        let socket = try Socket(family: address.family)
        try socket.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
        if sharesPort { try socket.setOption(SOL_SOCKET, SO_REUSEPORT, 1) }
        let number = socket.descriptor.number
        _ = try SystemCall.run("bind") {
            unsafe address.withSystemAddress { address, length in
                unsafe bind(number, address, length)
            }
        }
        return socket
    }

    /// The next connection of the backlog; nil if the backlog is empty.
    package func accept() throws(SystemError) -> Socket? {
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let listener = descriptor.number
        while true {
            do {
                let number = try SystemCall.run("accept4") { accept4(listener, nil, nil, flags) }
                guard let number else { return nil }
                return Socket(taking: number)
            } catch {
                // The peer closed the connection while it was in the backlog (accept(2)): not an
                // error of the listener.
                guard error.code == ECONNABORTED || error.code == EPROTO else { throw error }
            }
        }
    }

    /// The local address that the socket is bound to.
    package func address() throws(SystemError) -> SocketAddress {
        try SocketAddress(of: descriptor)
    }

    /// The address of the peer that the socket is connected to.
    func peerAddress() throws(SystemError) -> SocketAddress {
        try SocketAddress(peerOf: descriptor)
    }

    /// Whether the socket is connected to itself. When no socket listens on a local port, the
    /// kernel may choose that port as the source port too; TCP then connects the socket to itself
    /// (RFC 9293 §3.5, simultaneous open).
    func isConnectedToItself() -> Bool {
        guard let own = try? SocketAddress(of: descriptor),
            let peer = try? SocketAddress(peerOf: descriptor)
        else { return false }
        return own.isSameEndpoint(as: peer)
    }

    // MARK: - Data

    /// Sends the buffer's bytes from `position` on and returns how many the kernel took; nil if the
    /// send would block.
    package func send(_ bytes: [UInt8], from position: Int) throws(SystemError) -> Int? {
        let number = descriptor.number
        return try SystemCall.run("send") {
            unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[position...])
                return unsafe Glibc.send(
                    number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
        }
    }

    /// Reads once into the loop's buffer: see `EventLoop.read`.
    package func read(
        on loop: EventLoop, _ body: (Span<UInt8>) -> Void
    ) throws(SystemError) -> Int? {
        try loop.read(self, body)
    }

    /// Receives into the buffer and returns the number of bytes, 0 at the end of the stream; nil if
    /// the read would block.
    package func receive(_ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        let number = descriptor.number
        return try SystemCall.run("recv") {
            unsafe recv(number, buffer.baseAddress, buffer.count, 0)
        }
    }

    /// Shuts down writing. Bytes sent before still arrive.
    package func shutdownWriting() {
        // shutdown(2) fails only after the peer has closed the connection.
        _ = shutdown(descriptor.number, Int32(SHUT_WR))
    }

    /// The error of a connection attempt; nil if it succeeded. A socket that is connected to itself
    /// counts as refused.
    package func connectionError() throws(SystemError) -> SystemError? {
        if let error = try takeError() { return error }
        return isConnectedToItself() ? .connectionRefused : nil
    }

    /// The pending error of the socket (SO_ERROR), which the call clears; nil without an error.
    package func takeError() throws(SystemError) -> SystemError? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let number = descriptor.number
        _ = try SystemCall.run("getsockopt") {
            unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &length)
        }
        return code == 0 ? nil : SystemError(code: code, call: "connect")
    }

    private func setOption(_ level: Int32, _ option: Int32, _ value: Int32) throws(SystemError) {
        var value = value
        let number = descriptor.number
        _ = try SystemCall.run("setsockopt") {
            unsafe setsockopt(
                number, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }
}
