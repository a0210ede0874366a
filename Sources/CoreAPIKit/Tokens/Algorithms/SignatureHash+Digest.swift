internal import COpenSSL

extension SignatureHash {
    /// libcrypto's name of the hash.
    var digest: OpaquePointer? {
        switch self {
        case .sha256: unsafe EVP_sha256()
        case .sha384: unsafe EVP_sha384()
        case .sha512: unsafe EVP_sha512()
        }
    }

    /// The hash of the bytes: 32, 48 or 64 bytes.
    func code(of bytes: Span<UInt8>) -> [UInt8] {
        switch self {
        case .sha256: SignatureHash.sha256(bytes)
        case .sha384: SignatureHash.long(bytes, 48)
        case .sha512: SignatureHash.long(bytes, 64)
        }
    }

    // The contexts are the program's own, since what libcrypto looks up for its newer functions
    // costs more than the hash: docs/decisions/0003-sha256-contexts.md.
    private static func sha256(_ bytes: Span<UInt8>) -> [UInt8] {
        var context = SHA256_CTX()
        return unsafe code(of: bytes, 32) { bytes, count, code in
            unsafe SHA256_Init(&context) == 1 && SHA256_Update(&context, bytes, count) == 1
                && SHA256_Final(code, &context) == 1
        }
    }

    private static func long(_ bytes: Span<UInt8>, _ length: Int) -> [UInt8] {
        var context = SHA512_CTX()
        return unsafe code(of: bytes, length) { bytes, count, code in
            unsafe (length == 48 ? SHA384_Init(&context) : SHA512_Init(&context)) == 1
                && SHA512_Update(&context, bytes, count) == 1 && SHA512_Final(code, &context) == 1
        }
    }

    private static func code(
        of bytes: Span<UInt8>, _ length: Int,
        _ hash: (UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UInt8>?) -> Bool
    ) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: length)
        let isHashed = unsafe code.withUnsafeMutableBufferPointer { code in
            unsafe bytes.withUnsafeBufferPointer { bytes in
                unsafe hash(bytes.baseAddress, bytes.count, code.baseAddress)
            }
        }
        precondition(isHashed, "SignatureHash.code: libcrypto could not hash")
        return code
    }
}
