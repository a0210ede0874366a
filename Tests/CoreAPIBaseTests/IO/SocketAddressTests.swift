import Glibc
import Testing

@testable import CoreAPIBase

@Suite struct SocketAddressTests {
    @Test(arguments: ["/", "/run/redis.sock", "/" + String(repeating: "a", count: 106)])
    func `a path of 1 to 107 bytes is the address of a Unix socket`(path: String) throws {
        #expect(try SocketAddress(unixPath: path).family == AF_UNIX)
    }

    @Test(arguments: ["", "/a\0b", "/" + String(repeating: "a", count: 107)])
    func `any other path is an error`(path: String) {
        #expect(throws: SystemError(code: EINVAL, call: "connect")) {
            try SocketAddress(unixPath: path)
        }
    }
}
