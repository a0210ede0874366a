import Glibc

/// A blocking connection that sends any bytes and reads the answer, with a time limit.
final class RawClient {
    private let descriptor: Int32

    struct Failed: Error {
        let call: String
        let code: Int32
    }

    /// - Parameter source: the last byte of the own address, 127.0.0.x.
    init(port: UInt16, timeoutSeconds: Int = 60, source: UInt8? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, size)
        // `deinit` closes the socket here too: every property is set.
        if let source {
            let result = unsafe RawClient.call(bind, descriptor, 0x7F00_0000 | UInt32(source), 0)
            guard result == 0 else { throw Failed(call: "bind", code: errno) }
        }
        let result = unsafe RawClient.call(connect, descriptor, 0x7F00_0001, port)
        guard result == 0 else { throw Failed(call: "connect", code: errno) }
    }

    private static func call(
        _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32,
        _ host: UInt32, _ port: UInt16
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = host.bigEndian
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe call(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    deinit { close(descriptor) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var position = 0
        while position < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[position...])
                return unsafe Glibc.send(
                    descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failed(call: "send", code: errno) }
            position += count
        }
    }

    /// Sends as many bytes as the connection takes within the milliseconds; throws if the peer has
    /// closed the connection.
    func send(_ bytes: [UInt8], atMost milliseconds: Int32) throws {
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard unsafe Glibc.poll(&poll, 1, milliseconds) > 0 else { return }
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(
                descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        guard count > 0 || errno == EAGAIN else { throw Failed(call: "send", code: errno) }
    }

    /// Whether something is there to be read, the end included; waits for it so long.
    func isReadable(withinMilliseconds milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe Glibc.poll(&poll, 1, milliseconds) > 0
    }

    func shutdownWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next bytes that come; empty at the end of the stream.
    func readSome(atMost bytesMax: Int = 64 * 1024) throws -> String {
        var buffer = [UInt8](repeating: 0, count: bytesMax)
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
        }
        guard count >= 0 else { throw Failed(call: "recv", code: errno) }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// Everything until the other side ends the connection.
    func readToEnd() throws -> String {
        var text = ""
        while true {
            let more = try readSome()
            if more.isEmpty { return text }
            text += more
        }
    }

    /// One answer, by its Content-Length.
    func readAnswer() throws -> Answer {
        var text = ""
        while true {
            if let answer = Answer(text) { return answer }
            let more = try readSome()
            guard !more.isEmpty else { throw Failed(call: "an answer ends early", code: 0) }
            text += more
        }
    }
}

/// An answer of the server, taken apart.
struct Answer {
    let status: Int
    /// By names in lower case.
    let fields: [String: String]
    let body: String
    /// The bytes after it.
    let rest: String

    /// Nil if the text is not a whole answer yet.
    init?(_ text: String, hasBody: Bool = true) {
        guard let headEnd = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<headEnd.lowerBound].split(separator: "\r\n")
        guard let first = lines.first, let code = Int(first.dropFirst(9).prefix(3)) else {
            return nil
        }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields[line[..<colon].lowercased()] = String(value)
        }
        let length = hasBody ? Int(fields["content-length"] ?? "0") ?? 0 : 0
        let following = text[headEnd.upperBound...].utf8
        guard following.count >= length else { return nil }
        status = code
        self.fields = fields
        body = String(decoding: following.prefix(length), as: UTF8.self)
        rest = String(decoding: following.dropFirst(length), as: UTF8.self)
    }
}
