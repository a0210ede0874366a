internal import CoreAPIBase
internal import Synchronization

/// A key prepared for one algorithm.
///
/// A context of libcrypto serves one thread at a time. A verification takes one of the prepared
/// contexts, or prepares another if all are in use: there are as many as threads that verify at the
/// same time.
final class SignatureVerifier: Sendable {
    /// The names in `alg` that select this algorithm.
    let names: [TokenAlgorithm]
    /// The exact length of a signature, in bytes.
    let signatureBytes: Int

    private let scheme: SignatureScheme
    private let key: PublicKey
    private let contexts = Mutex<[VerificationContext]>([])

    /// - Parameter material: the numbers of the key, which the algorithm accepts.
    init(_ algorithm: any SignatureAlgorithm.Type, _ key: PublicKey, _ material: KeyMaterial) {
        names = algorithm.names
        scheme = algorithm.scheme
        signatureBytes = algorithm.scheme.signatureBytes(by: material)
        self.key = key
    }

    /// Whether the signature of JOSE is one of the bytes by this key.
    func verifies(_ signature: Span<UInt8>, of input: Span<UInt8>) -> Bool {
        guard signature.count == signatureBytes else { return false }
        let context = contexts.withLock { $0.popLast() } ?? VerificationContext(scheme, key)
        let isValid =
            if case .ecdsa = scheme {
                context.verifies(ECDSASignature.der(signature).span, of: input)
            } else {
                context.verifies(signature, of: input)
            }
        contexts.withLock { $0.append(context) }
        return isValid
    }
}
