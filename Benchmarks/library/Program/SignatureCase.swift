internal import CBareMAC

@testable internal import CoreAPIBase
@testable internal import CoreAPIKit

/// One algorithm: a token verified by the library, and its signature by libcrypto alone.
@safe struct SignatureCase {
    let algorithm: TokenAlgorithm
    private let verifier: KeySetTokenVerifier
    private let token: [UInt8]
    private let inputCount: Int
    /// The signature in libcrypto's form.
    private let signature: [UInt8]
    private let bare: OpaquePointer
    private let now = UnixTime.now()

    init(_ algorithm: TokenAlgorithm) throws {
        self.algorithm = algorithm
        let pem = SignatureKeys.pem(algorithm)
        let webKey = try PEMKey(Array(pem.utf8)).webKey(keyID: "1")
        let keySet = try JSONWebKeySet(parsing: "{\"keys\":[\(webKey)]}")
        verifier = KeySetTokenVerifier(keySet: keySet)
        let issuer = try TokenIssuer(
            privateKey: Array(pem.utf8), algorithm: algorithm, keyID: "1")
        let text = issuer.issue(
            userID: 1, username: "user-1", expiresAt: UnixTime(seconds: 4_102_444_800))
        let bytes = Array(text.utf8)
        let dot = bytes.lastIndex(of: UInt8(ascii: ".")) ?? 0
        let decoded = Base64URL.decode((dot + 1)..<bytes.count, of: bytes.span)
        let isPSS: Int32 = algorithm.rawValue.hasPrefix("PS") ? 1 : 0
        let key = unsafe bare_key_new(pem, SignatureKeys.hash(algorithm), isPSS)
        guard let decoded, let key = unsafe key else {
            preconditionFailure("\(algorithm.rawValue): the key or the signature is refused")
        }
        token = bytes
        inputCount = dot
        let isECDSA = algorithm.rawValue.hasPrefix("ES")
        signature = isECDSA ? ECDSASignature.der(decoded.span) : decoded
        unsafe bare = key
        // A signature that is refused would be fast, and so would a context that serves once.
        for _ in 0..<2 {
            let isVerified = unsafe bare_key_verify(
                bare, token, inputCount, signature, signature.count)
            precondition(isVerified == 1, "\(algorithm.rawValue): libcrypto refuses the signature")
        }
    }

    /// The figures of `verify_NAME` and `bare_NAME`, in nanoseconds.
    func figures() -> [String: Double] {
        [
            "verify_\(algorithm.rawValue)": Measurement.nanoseconds(callsAtOnce: 50) { _ in
                do { return try verifier.verify(token.span, at: now).userID } catch {
                    preconditionFailure("\(error)")
                }
            },
            "bare_\(algorithm.rawValue)": Measurement.nanoseconds(callsAtOnce: 50) { _ in
                Int(unsafe bare_key_verify(bare, token, inputCount, signature, signature.count))
            },
        ]
    }
}
