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

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("", ""), ("a:b", "a:b"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"), ("::1", "::/64"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    ])
    func `an IPv6 network of 64 bits counts as one caller`(host: String, network: String) {
        #expect(SocketAddress.network(ofHost: host) == network)
    }
}
