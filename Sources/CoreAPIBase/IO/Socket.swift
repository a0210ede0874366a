internal import CEpoll
internal import Glibc

/// A stream socket that never blocks: of TCP, or within the machine.
package struct Socket: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    package init(taking number: Int32) { descriptor = FileDescriptor(taking: number) }

    private init(family: Int32) throws(SystemError) {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = try SystemCall.run("socket") { socket(family, type, 0) }
        guard let number else { preconditionFailure("socket(2) does not block") }
        self.init(taking: number)
    }

    // MARK: - Opening

    /// Begins to connect; the socket is writable once it is decided, then ask `takeError`.
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
        // A socket of the file system is connected at once, or its listener's queue is full.
        if isLocal, result == nil { throw SystemError(code: EAGAIN, call: "connect") }
        return socket
    }

    /// A listening socket.
    ///
    /// - Parameter sharesPort: whether several sockets of this process listen on the port, among
    ///   which the kernel spreads the connections.
    package static func listening(
        on address: SocketAddress, sharesPort: Bool, backlog: Int32
    ) throws(SystemError) -> Socket {
        let socket = try bound(to: address, sharesPort: sharesPort)
        // Connections that are accepted inherit the option: answers leave at once.
        try socket.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        let number = socket.descriptor.number
        _ = try SystemCall.run("listen") { listen(number, backlog) }
        return socket
    }

    /// The listening TCP socket that the process was given at its start, by a descriptor of its
    /// own: several loops may accept from one socket. Nil if the number is not that of such a one.
    ///
    /// - Parameter number: stays open, so that it can be asked for again.
    package static func listening(inherited number: Int32) throws(SystemError) -> Socket? {
        let family = option(SO_DOMAIN, of: number)
        guard family == AF_INET || family == AF_INET6,
            option(SO_PROTOCOL, of: number) == Int32(IPPROTO_TCP),
            option(SO_ACCEPTCONN, of: number) == 1
        else { return nil }
        let copy = try SystemCall.run("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 0) }
        guard let copy else { preconditionFailure("a descriptor is duplicated without a wait") }
        let socket = Socket(taking: copy)
        let flags = try SystemCall.run("fcntl") { fcntl(copy, F_GETFL) }
        guard let flags else { preconditionFailure("flags are read without a wait") }
        _ = try SystemCall.run("fcntl") { fcntl(copy, F_SETFL, flags | O_NONBLOCK) }
        try socket.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        return socket
    }

    /// An option of the socket; nil if the descriptor is none of a socket.
    private static func option(_ option: Int32, of number: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let result = unsafe getsockopt(number, SOL_SOCKET, option, &value, &length)
        return result == 0 ? value : nil
    }

    /// A socket that has the address, and does not listen yet. An error if another socket listens
    /// there, unless both share the port.
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

    /// The next connection that waits; nil if there is none.
    package func accept() throws(SystemError) -> Socket? {
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let listener = descriptor.number
        while true {
            do {
                let number = try SystemCall.run("accept4") { accept4(listener, nil, nil, flags) }
                guard let number else { return nil }
                return Socket(taking: number)
            } catch {
                // Its caller has gone while it waited: no failure of ours (accept(2)).
                guard error.code == ECONNABORTED || error.code == EPROTO else { throw error }
            }
        }
    }

    /// The address that the socket is bound to.
    package func address() throws(SystemError) -> SocketAddress {
        try SocketAddress(of: descriptor)
    }

    /// Whether both ends of a connection are this socket. The kernel may give a connection to a
    /// port of this machine, where nobody listens, that same port as its own: then TCP connects it
    /// to itself (RFC 9293 §3.5, simultaneous open).
    func isConnectedToItself() -> Bool {
        guard let own = try? SocketAddress(of: descriptor),
            let peer = try? SocketAddress(peerOf: descriptor)
        else { return false }
        return own.isSameEndpoint(as: peer)
    }

    // MARK: - Data

    /// Sends from the buffer's position on: how many bytes the kernel took; nil if it took none
    /// because its own buffer is full.
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

    /// Reads once, by the loop's buffer: see `EventLoop.read`.
    package func read(
        on loop: EventLoop, _ body: (Span<UInt8>) -> Void
    ) throws(SystemError) -> Int? {
        try loop.read(self, body)
    }

    /// Receives into the buffer: how many bytes came, 0 at the end of the stream; nil if there is
    /// nothing yet.
    package func receive(_ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        let number = descriptor.number
        return try SystemCall.run("recv") {
            unsafe recv(number, buffer.baseAddress, buffer.count, 0)
        }
    }

    /// Says that nothing more will be sent; what has been sent still arrives.
    package func shutdownWriting() {
        // It fails only where the peer is gone already.
        _ = shutdown(descriptor.number, Int32(SHUT_WR))
    }

    /// The error that ended a connection attempt, also one that reached this socket itself; nil if
    /// it succeeded.
    package func connectionError() throws(SystemError) -> SystemError? {
        if let error = try takeError() { return error }
        return isConnectedToItself() ? .connectionRefused : nil
    }

    /// The error that ended a connection attempt; nil if it succeeded.
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
