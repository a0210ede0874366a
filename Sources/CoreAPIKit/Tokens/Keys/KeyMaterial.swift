/// The numbers of a public key, as bytes: big-endian, but Ed25519 (RFC 8032 §5.1.2).
enum KeyMaterial: Hashable, Sendable {
    case rsa(modulus: [UInt8], exponent: [UInt8])
    case ec(EllipticCurve, x: [UInt8], y: [UInt8])
    case ed25519([UInt8])

    /// The bounds of an RSA modulus, in bits (RFC 7518 §3.3; libcrypto's cost grows with the
    /// square).
    static let modulusBits = 2_048...8_192
    /// The largest RSA exponent, in bytes: libcrypto's own bound for a modulus above 3,072 bits. A
    /// verification takes time in proportion to it.
    static let exponentBytesMax = 8

    /// Why the key must not be used; nil if nothing speaks against it. libcrypto checks whether the
    /// point of an EC key is on its curve.
    var flaw: UnusedKey.Reason? {
        switch self {
        case .rsa(let modulus, let exponent): KeyMaterial.flaw(modulus, exponent)
        // RFC 7518 §6.2.1.2: the full size of a coordinate.
        case .ec(let curve, let x, let y):
            x.count == curve.coordinateBytes && y.count == curve.coordinateBytes
                ? nil : .coordinates
        case .ed25519(let point): Ed25519Point.flaw(point)
        }
    }

    private static func flaw(_ modulus: [UInt8], _ exponent: [UInt8]) -> UnusedKey.Reason? {
        // RFC 7518 §2, Base64urlUInt: the minimum number of bytes.
        guard let first = modulus.first, first != 0, let last = modulus.last, last & 1 == 1,
            modulusBits.contains(modulus.count * 8 - first.leadingZeroBitCount)
        else { return .modulus }
        guard let first = exponent.first, first != 0, let last = exponent.last, last & 1 == 1,
            exponent != [1], exponent.count <= exponentBytesMax
        else { return .exponent }
        return ROCAWeakness.has(modulus) ? .weakModulus : nil
    }
}
