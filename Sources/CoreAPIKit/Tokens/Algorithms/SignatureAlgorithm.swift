/// An algorithm that verifies by a public key: what its name stands for.
///
/// To add an algorithm, add a file like `ES256.swift` and its case in `TokenAlgorithm`.
protocol SignatureAlgorithm: Sendable {
    /// The names in a token's `alg`.
    static var names: [TokenAlgorithm] { get }
    static var scheme: SignatureScheme { get }
}

/// The mathematics of an algorithm. It decides which keys the algorithm accepts.
enum SignatureScheme: Hashable, Sendable {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2).
    case pkcs1(SignatureHash)
    /// RSASSA-PSS (RFC 8017 §8.1): MGF1 with the same hash, a salt as long as the hash (RFC 7518
    /// §3.5).
    case pss(SignatureHash)
    /// ECDSA on one curve (RFC 7518 §3.4).
    case ecdsa(EllipticCurve, SignatureHash)
    /// Ed25519 (RFC 8032 §5.1): it hashes the message itself.
    case ed25519

    /// Whether the algorithm may use a key of this type.
    func accepts(_ key: KeyMaterial) -> Bool {
        switch (self, key) {
        case (.pkcs1, .rsa), (.pss, .rsa), (.ed25519, .ed25519): true
        case (.ecdsa(let curve, _), .ec(let other, _, _)): curve == other
        case (.pkcs1, _), (.pss, _), (.ecdsa, _), (.ed25519, _): false
        }
    }

    /// The exact length of a signature by this key, in bytes.
    func signatureBytes(by key: KeyMaterial) -> Int {
        switch (self, key) {
        // RFC 8017 §8.1.2, §8.2.2: as long as the modulus.
        case (_, .rsa(let modulus, _)): modulus.count
        // RFC 7518 §3.4: R and S, each as long as a coordinate.
        case (.ecdsa(let curve, _), _): 2 * curve.coordinateBytes
        // RFC 8032 §5.1.6.
        case (_, _): 64
        }
    }

    /// The hash of the signed bytes; nil if the algorithm takes the bytes themselves.
    var hash: SignatureHash? {
        switch self {
        case .pkcs1(let hash), .pss(let hash), .ecdsa(_, let hash): hash
        case .ed25519: nil
        }
    }
}

/// A hash of SHA-2 (FIPS 180-4).
enum SignatureHash: Sendable {
    case sha256, sha384, sha512
}

/// A curve of NIST (RFC 7518 §6.2.1.1).
enum EllipticCurve: Sendable {
    case p256, p384, p521

    /// The length of a coordinate, in bytes.
    var coordinateBytes: Int {
        switch self {
        case .p256: 32
        case .p384: 48
        case .p521: 66
        }
    }

    /// The curve's name in `crv`.
    var name: String {
        switch self {
        case .p256: "P-256"
        case .p384: "P-384"
        case .p521: "P-521"
        }
    }
}
