internal import COpenSSL

/// A Lua script that Redis runs as one atomic step. It is loaded at each login and called by its
/// digest (`EVALSHA`).
package struct RedisScript: Sendable {
    package let source: String
    /// SHA-1 in hexadecimal: how Redis names a script.
    package let digest: String

    package init(_ source: String) {
        self.source = source
        var bytes = [UInt8](repeating: 0, count: 20)
        let text = Array(source.utf8)
        unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            unsafe text.withUnsafeBufferPointer { text in
                _ = unsafe SHA1(text.baseAddress, text.count, bytes.baseAddress)
            }
        }
        let digits = Array("0123456789abcdef".utf8)
        let hexadecimal = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        digest = String(decoding: hexadecimal, as: UTF8.self)
    }
}
