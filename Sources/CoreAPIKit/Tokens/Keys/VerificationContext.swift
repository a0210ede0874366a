internal import COpenSSL
internal import CoreAPIBase

/// The context of libcrypto that verifies signatures of one key and one algorithm, one after the
/// other.
///
/// Sendable by discipline: one thread uses it at a time.
@safe final class VerificationContext: @unchecked Sendable {
    private let scheme: SignatureScheme
    private let key: PublicKey
    /// An `EVP_PKEY_CTX`; nil for Ed25519.
    private let prehashed: OpaquePointer?
    /// An `EVP_MD_CTX`; nil for algorithms that sign a hash.
    private let message: OpaquePointer?

    init(_ scheme: SignatureScheme, _ key: PublicKey) {
        self.scheme = scheme
        self.key = key
        if scheme.hash == nil {
            unsafe prehashed = nil
            unsafe message = EVP_MD_CTX_new()
        } else {
            unsafe prehashed = EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil)
            unsafe message = nil
            precondition(prepare(), "VerificationContext.init: libcrypto refused the algorithm")
        }
    }

    deinit {
        unsafe EVP_PKEY_CTX_free(prehashed)
        unsafe EVP_MD_CTX_free(message)
    }

    private func prepare() -> Bool {
        guard unsafe EVP_PKEY_verify_init(prehashed) == 1 else { return false }
        switch scheme {
        case .pkcs1(let hash):
            return unsafe EVP_PKEY_CTX_set_rsa_padding(prehashed, RSA_PKCS1_PADDING) == 1
                && EVP_PKEY_CTX_set_signature_md(prehashed, hash.digest) == 1
        case .pss(let hash):
            // RFC 7518 §3.5: the salt is as long as the hash; MGF1 takes the same hash.
            return unsafe EVP_PKEY_CTX_set_rsa_padding(prehashed, RSA_PKCS1_PSS_PADDING) == 1
                && EVP_PKEY_CTX_set_signature_md(prehashed, hash.digest) == 1
                && EVP_PKEY_CTX_set_rsa_mgf1_md(prehashed, hash.digest) == 1
                && EVP_PKEY_CTX_set_rsa_pss_saltlen(prehashed, RSA_PSS_SALTLEN_DIGEST) == 1
        case .ecdsa(_, let hash):
            return unsafe EVP_PKEY_CTX_set_signature_md(prehashed, hash.digest) == 1
        case .ed25519: return false
        }
    }

    /// Whether libcrypto's form of a signature is one of the bytes.
    func verifies(_ signature: Span<UInt8>, of input: Span<UInt8>) -> Bool {
        let result =
            if let hash = scheme.hash {
                verify(signature, hash: hash.code(of: input))
            } else {
                verify(signature, message: input)
            }
        // The next user of this thread's error queue must not find this failure.
        if result != 1 { ERR_clear_error() }
        return result == 1
    }

    private func verify(_ signature: Span<UInt8>, hash: [UInt8]) -> Int32 {
        unsafe signature.withUnsafeBufferPointer { signature in
            unsafe EVP_PKEY_verify(
                prehashed, signature.baseAddress, signature.count, hash, hash.count)
        }
    }

    private func verify(_ signature: Span<UInt8>, message input: Span<UInt8>) -> Int32 {
        guard unsafe EVP_DigestVerifyInit(message, nil, nil, nil, key.pointer) == 1 else {
            return 0
        }
        return unsafe signature.withUnsafeBufferPointer { signature in
            unsafe input.withUnsafeBufferPointer { input in
                unsafe EVP_DigestVerify(
                    message, signature.baseAddress, signature.count, input.baseAddress, input.count)
            }
        }
    }
}
