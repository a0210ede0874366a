internal import COpenSSL

/// A Lua script that Redis runs as one atomic step. It is loaded at each login and called by its
/// digest (`EVALSHA`).
package struct RedisScript: Sendable {
    package let source: String
    /// SHA-1 in hexadecimal: how Redis names a script.
    package let digest: String
    /// What every call of it begins with: EVALSHA, the digest, the number of keys.
    let callStart: RedisCommand

    /// - Parameters:
    ///   - keys: how many KEYS a call by `RedisCommand(calling:)` has.
    ///   - arguments: how many ARGV.
    package init(_ source: String, keys: Int = 0, arguments: Int = 0) {
        self.source = source
        digest = RedisScript.digest(of: source)
        var start = RedisCommand(capacity: 128)
        start.begin(wordCount: 3 + keys + arguments)
        start.word("EVALSHA")
        start.word(digest)
        start.word(decimal: keys)
        callStart = start
    }

    private static func digest(of source: String) -> String {
        var bytes = [UInt8](repeating: 0, count: 20)
        let text = Array(source.utf8)
        unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            unsafe text.withUnsafeBufferPointer { text in
                // Step by step: the function that does all of it starts libcrypto as a whole, which
                // then wants to be ended by `atexit` (see `TLSContext`).
                var context = SHA_CTX()
                unsafe SHA1_Init(&context)
                unsafe SHA1_Update(&context, text.baseAddress, text.count)
                unsafe SHA1_Final(bytes.baseAddress, &context)
            }
        }
        let digits = Array("0123456789abcdef".utf8)
        let hexadecimal = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: hexadecimal, as: UTF8.self)
    }
}
