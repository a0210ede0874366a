internal import Glibc

/// An IPv4 or IPv6 address with a port, or the path of a Unix socket.
package struct SocketAddress: Sendable {
    private var storage: sockaddr_storage
    private let length: socklen_t

    /// Resolves a host to its addresses. A numeric host is parsed at once. For a name the resolver
    /// is queried, which blocks the calling thread.
    ///
    /// - Parameter host: `127.0.0.1`, `::1` or a name.
    package static func resolve(
        host: String, port: UInt16, numericOnly: Bool, passive: Bool = false
    ) throws(ResolveError) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags =
            AI_NUMERICSERV | (numericOnly ? AI_NUMERICHOST : 0) | (passive ? AI_PASSIVE : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard result == 0 else {
            throw ResolveError(host: host, reason: unsafe String(cString: gai_strerror(result)))
        }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let info = unsafe next {
            unsafe addresses.append(SocketAddress(info.pointee.ai_addr, info.pointee.ai_addrlen))
            unsafe next = info.pointee.ai_next
        }
        return addresses
    }

    /// Whether the text has the form of a host name or an IP address. The resolver is not queried.
    /// The interface after the `%` of an IPv6 address need not exist (RFC 4007 §11).
    package static func isHost(_ text: String) -> Bool {
        let isName = text.utf8.count <= 253 && text.utf8.allSatisfy(isNameByte)
        if isName, text.utf8.contains(where: { isNameByte($0) && !isNumberByte($0) }) {
            return true
        }
        let address = text.split(separator: "%", omittingEmptySubsequences: false)
        guard let first = address.first, address.count <= 2, address.last != "" else {
            return false
        }
        guard address.count == 1 || first.utf8.contains(UInt8(ascii: ":")) else { return false }
        return (try? resolve(host: String(first), port: 0, numericOnly: true)) != nil
    }

    private static func isNumberByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    /// Letters, digits, `-`, `.`, and `_`, which host names of some networks contain.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: isNumberByte(byte)
        }
    }

    private init(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) {
        self.length = length
        var storage = sockaddr_storage()
        unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            unsafe bytes.copyMemory(
                from: UnsafeRawBufferPointer(start: address, count: Int(length)))
        }
        self.storage = storage
    }

    /// The longest path of a Unix socket, in bytes: `sun_path` without the terminating zero
    /// (unix(7)).
    package static let unixPathBytesMax = 107

    /// The address of a Unix socket in the file system (unix(7)).
    ///
    /// Throws `EINVAL` for a path that is empty, longer than `unixPathBytesMax` or contains a zero
    /// byte.
    package init(unixPath: String) throws(SystemError) {
        let path = Array(unixPath.utf8)
        guard 1...SocketAddress.unixPathBytesMax ~= path.count, !path.contains(0) else {
            throw SystemError(code: EINVAL, call: "connect")
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            unsafe bytes.copyBytes(from: path)
        }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        self = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe SocketAddress(address, length)
            }
        }
    }

    /// The local address of a bound socket.
    package init(of descriptor: borrowing FileDescriptor) throws(SystemError) {
        unsafe try self.init("getsockname", descriptor, getsockname)
    }

    /// The peer's address of a connected socket.
    package init(peerOf descriptor: borrowing FileDescriptor) throws(SystemError) {
        unsafe try self.init("getpeername", descriptor, getpeername)
    }

    private init(
        _ name: String, _ descriptor: borrowing FileDescriptor,
        _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) throws(SystemError) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let number = descriptor.number
        _ = try SystemCall.run(name) {
            unsafe withUnsafeMutablePointer(to: &storage) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    unsafe call(number, address, &length)
                }
            }
        }
        self.storage = storage
        self.length = length
    }

    package var family: Int32 { Int32(storage.ss_family) }

    /// Whether both are the same IPv4 or IPv6 address with the same port.
    func isSameEndpoint(as other: SocketAddress) -> Bool {
        guard family == other.family, family == AF_INET || family == AF_INET6,
            length == other.length
        else { return false }
        return unsafe withUnsafeBytes(of: storage) { own in
            unsafe withUnsafeBytes(of: other.storage) { peer in
                unsafe own.prefix(Int(length)).elementsEqual(peer.prefix(Int(length)))
            }
        }
    }

    /// The numeric address without the port: `127.0.0.1`; empty for a Unix socket.
    package var host: String {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let result = unsafe text.withUnsafeMutableBufferPointer { text in
            unsafe withSystemAddress { address, length in
                unsafe getnameinfo(
                    address, length, text.baseAddress, socklen_t(text.count), nil, 0,
                    NI_NUMERICHOST)
            }
        }
        guard result == 0, family != AF_UNIX else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    package var isIPv4: Bool { family == AF_INET }

    /// What counts as one caller: of an IPv6 address its network of 64 bits, since one caller has
    /// all addresses of it (RFC 6177), otherwise the host itself. An IPv4 address in IPv6
    /// (RFC 4291 §2.5.5.2) is itself.
    ///
    /// - Parameter host: a numeric address, or any other text.
    package static func network(ofHost host: String) -> String {
        guard host.utf8.contains(UInt8(ascii: ":")),
            var address = try? resolve(host: host, port: 0, numericOnly: true).first,
            address.family == AF_INET6
        else { return host }
        // sockaddr_in6 has the 16 bytes of the address from its 8th byte on.
        let isMapped = unsafe withUnsafeBytes(of: address.storage) { bytes in
            unsafe bytes[8..<18].allSatisfy { $0 == 0 } && bytes[18] == 0xFF && bytes[19] == 0xFF
        }
        if isMapped { return host }
        unsafe withUnsafeMutableBytes(of: &address.storage) { bytes in
            for index in 16..<24 { unsafe bytes[index] = 0 }
        }
        return "\(address.host)/64"
    }

    /// The port; 0 of a Unix socket.
    package var port: UInt16 {
        if family == AF_UNIX { return 0 }
        // The port has the same offset in the addresses of both families, in network byte order.
        return unsafe withUnsafeBytes(of: storage) { bytes in
            unsafe UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        }
    }

    /// The same address with another port.
    package func with(port: UInt16) -> SocketAddress {
        var copy = self
        unsafe withUnsafeMutableBytes(of: &copy.storage) { bytes in
            unsafe bytes[2] = UInt8(port >> 8)
            unsafe bytes[3] = UInt8(port & 0xFF)
        }
        return copy
    }

    func withSystemAddress<Value>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
    ) -> Value {
        var copy = storage
        return unsafe withUnsafePointer(to: &copy) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe body(address, length)
            }
        }
    }
}

/// A host name that the resolver could not resolve.
package struct ResolveError: Error {
    package let host: String
    package let reason: String
}
