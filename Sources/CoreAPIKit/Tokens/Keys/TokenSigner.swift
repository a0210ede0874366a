internal import COpenSSL
internal import CoreAPIBase

/// A private key that signs with one algorithm.
struct TokenSigner: Sendable {
    let algorithm: TokenAlgorithm
    private let scheme: SignatureScheme
    private let key: PEMKey

    /// - Parameters:
    ///   - pem: the private key.
    ///   - algorithm: nil for the commonest of the key's type.
    init(_ pem: [UInt8], _ algorithm: TokenAlgorithm?) throws(PEMKeyError) {
        key = try PEMKey(pem)
        guard key.isPrivate else { throw .notPrivate }
        let named = key.algorithms.first { type in
            algorithm.map { type.names.contains($0) } ?? true
        }
        guard let named, let first = named.names.first else { throw .algorithm }
        self.algorithm = algorithm ?? first
        scheme = named.scheme
    }

    /// The signature of JOSE.
    func signature(of message: [UInt8]) -> [UInt8] {
        let signature = libcryptoSignature(of: message)
        guard case .ecdsa(let curve, _) = scheme else { return signature }
        guard let fixed = ECDSASignature.fixed(signature, coordinateBytes: curve.coordinateBytes)
        else { preconditionFailure("TokenSigner.signature: libcrypto's signature is not DER") }
        return fixed
    }

    private func libcryptoSignature(of message: [UInt8]) -> [UInt8] {
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        var options: OpaquePointer?
        var count = 0
        guard
            unsafe EVP_DigestSignInit(
                context, &options, scheme.hash?.digest, nil, key.pointer) == 1,
            unsafe prepare(options),
            unsafe EVP_DigestSign(context, nil, &count, message, message.count) == 1
        else { preconditionFailure("TokenSigner.signature: libcrypto refused the algorithm") }
        var signature = [UInt8](repeating: 0, count: count)
        let result = unsafe EVP_DigestSign(context, &signature, &count, message, message.count)
        precondition(result == 1, "TokenSigner.signature: libcrypto could not sign")
        return Array(signature.prefix(count))
    }

    private func prepare(_ options: OpaquePointer?) -> Bool {
        guard case .pss = scheme else { return true }
        return unsafe EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1
            && EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1
    }
}
