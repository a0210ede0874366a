internal import COpenSSL

/// HMAC-SHA256 (RFC 2104) with one key. The initializer hashes the key's two pads once; each code
/// starts from a copy of that state.
///
/// No other file hashes callers' bytes.
struct HMACSHA256: Sendable {
    private let inner: SHA256_CTX
    private let outer: SHA256_CTX

    private static let blockBytes = 64

    /// - Parameter key: a key of any length; a key of more than 64 bytes is hashed first.
    init(key: [UInt8]) {
        var block = [UInt8](repeating: 0, count: HMACSHA256.blockBytes)
        if key.count > HMACSHA256.blockBytes {
            let short = HMACSHA256.hash(key)
            for index in short.indices { block[index] = short[index] }
        } else {
            for index in key.indices { block[index] = key[index] }
        }
        inner = HMACSHA256.context(over: block.map { $0 ^ 0x36 })
        outer = HMACSHA256.context(over: block.map { $0 ^ 0x5C })
    }

    /// A SHA-256 hash or an authentication code.
    typealias Digest = InlineArray<32, UInt8>

    /// The authentication code of the message.
    func code(of message: Span<UInt8>) -> Digest {
        var context = inner
        HMACSHA256.update(&context, message)
        let innerHash = HMACSHA256.final(&context)
        context = outer
        HMACSHA256.update(&context, innerHash.span)
        return HMACSHA256.final(&context)
    }

    /// Compares two digests in constant time: the time depends only on the length.
    static func isEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        return unsafe left.withUnsafeBufferPointer { left in
            unsafe right.withUnsafeBufferPointer { right in
                unsafe CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
            }
        }
    }

    // MARK: - SHA-256

    private static func hash(_ bytes: [UInt8]) -> Digest {
        var context = context(over: bytes)
        return final(&context)
    }

    private static func context(over bytes: [UInt8]) -> SHA256_CTX {
        var context = SHA256_CTX()
        let result = unsafe SHA256_Init(&context)
        precondition(result == 1, "SHA256_Init failed")
        update(&context, bytes.span)
        return context
    }

    private static func update(_ context: inout SHA256_CTX, _ bytes: Span<UInt8>) {
        let result = unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe SHA256_Update(&context, bytes.baseAddress, bytes.count)
        }
        precondition(result == 1, "SHA256_Update failed")
    }

    private static func final(_ context: inout SHA256_CTX) -> Digest {
        var digest = Digest(repeating: 0)
        var bytes = digest.mutableSpan
        let result = unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            unsafe SHA256_Final(bytes.baseAddress, &context)
        }
        precondition(result == 1, "SHA256_Final failed")
        return digest
    }
}
