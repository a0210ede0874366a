internal import COpenSSL

/// A Lua script that Redis runs as one atomic step. It is loaded at each login and called by its
/// digest (`EVALSHA`).
package struct RedisScript: Sendable {
    package let source: String
    /// The SHA-1 of the source in hexadecimal, which identifies the script in Redis.
    package let digest: String
    /// The start of every call: EVALSHA, the digest, the number of keys.
    let callStart: RedisCommand

    /// - Parameters:
    ///   - keys: the number of KEYS of a call by `RedisCommand(calling:)`.
    ///   - arguments: the number of ARGV.
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
                // The one-step function SHA1() initialises all of libcrypto, which then registers
                // an `atexit` handler (see `TLSContext`).
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
