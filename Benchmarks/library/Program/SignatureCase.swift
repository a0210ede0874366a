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
        let key = try PEMKey(Array(pem.utf8)).webKey(keyID: "1")
        verifier = KeySetTokenVerifier(keySet: try JSONWebKeySet(parsing: "{\"keys\":[\(key)]}"))
        token = Array(
            try TokenIssuer(privateKey: Array(pem.utf8), algorithm: algorithm, keyID: "1").issue(
                userID: 1, username: "user-1", expiresAt: UnixTime(seconds: 4_102_444_800)
            ).utf8)
        inputCount = token.lastIndex(of: UInt8(ascii: ".")) ?? 0
        guard
            let signature = Base64URL.decode((inputCount + 1)..<token.count, of: token.span),
            let bare = unsafe bare_key_new(
                pem, SignatureKeys.hash(algorithm), algorithm.rawValue.hasPrefix("PS") ? 1 : 0)
        else { preconditionFailure("\(algorithm): the key or the signature cannot be read") }
        let isECDSA = algorithm.rawValue.hasPrefix("ES")
        self.signature = isECDSA ? ECDSASignature.der(signature.span) : signature
        unsafe self.bare = bare
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
