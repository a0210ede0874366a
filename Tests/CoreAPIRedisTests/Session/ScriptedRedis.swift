import ChildProcess
import Glibc
import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A redis-server for one test, on a free port, and a blocking connection to it.
final class ScriptedRedis {
    private let process: ChildProcess
    private let port: UInt16
    private var descriptor: Int32 = -1
    private let reader = RedisReplyReader()

    /// Starts redis-server without persistence.
    init() throws {
        port = try FreePort.next()
        process = try ChildProcess(
            [
                "redis-server", "--bind", "127.0.0.1", "--port", "\(port)", "--save", "",
                "--appendonly", "no", "--dir", "/tmp",
            ], environment: [:])
        let deadline = ContinuousClock.now + .seconds(60)
        while (try? connect()) == nil {
            try #require(ContinuousClock.now < deadline, "redis-server listens")
            usleep(10_000)
        }
    }

    deinit { close(descriptor) }

    private struct Failed: Error { let code = errno }

    /// Replaces the connection by a new one.
    func connect() throws {
        if descriptor >= 0 { close(descriptor) }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = ScriptedRedis.address(port)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failed() }
    }

    func send(_ bytes: [UInt8]) throws {
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard count == bytes.count else { throw Failed() }
    }

    func receive() throws -> RedisReply {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let reply = try reader.next() { return reply }
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
            }
            guard count > 0 else { throw Failed() }
            reader.feed(buffer.span.extracting(..<count))
        }
    }

    /// Sends a command and returns its reply.
    @discardableResult
    func command(_ words: String...) throws -> RedisReply {
        var command = RedisCommand()
        command.add(words)
        try send(command.bytes)
        return try receive()
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
