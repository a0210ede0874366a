internal import COpenSSL

/// A key of a PEM file (RFC 7468), public or private.
///
/// Sendable because the key is immutable after `init`: libcrypto counts its references atomically.
@safe package final class PEMKey: @unchecked Sendable {
    /// An `EVP_PKEY`.
    let pointer: OpaquePointer
    let material: KeyMaterial
    package let isPrivate: Bool

    /// The largest file, in bytes.
    package static let bytesMax = 65_536

    /// Reads the one key of the bytes, beside which certificates and parameters may stand. It has
    /// to be a key that a verifier would use.
    package init(_ pem: [UInt8]) throws(PEMKeyError) {
        // libcrypto must not clean up in `atexit`, as in `TLSContext`.
        OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
        defer { ERR_clear_error() }
        guard pem.count <= PEMKey.bytesMax else { throw .notKey }
        let labels = PEMKey.labels(of: pem)
        guard labels.count(where: PEMKey.isOfKey) <= 1 else { throw .severalKeys }
        if let key = unsafe PEMKey.read(pem, .privateKey) {
            unsafe pointer = key
            isPrivate = true
        } else if let key = unsafe PEMKey.read(pem, .publicKey) {
            unsafe pointer = key
            isPrivate = false
        } else {
            if PEMKey.isEncrypted(pem) { throw .encrypted }
            throw !labels.isEmpty && labels.allSatisfy { $0.hasSuffix("CERTIFICATE") }
                ? .certificate : .notKey
        }
        guard let material = unsafe PEMKey.material(pointer) else {
            unsafe EVP_PKEY_free(pointer)
            throw .type
        }
        if let flaw = material.flaw {
            unsafe EVP_PKEY_free(pointer)
            throw .unusable(flaw)
        }
        self.material = material
    }

    deinit { unsafe EVP_PKEY_free(pointer) }

    private enum Kind { case privateKey, publicKey }

    private static func read(_ pem: [UInt8], _ kind: Kind) -> OpaquePointer? {
        unsafe pem.withUnsafeBytes { bytes in
            guard let source = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                return nil
            }
            defer { unsafe BIO_free(source) }
            // Without the callbacks libcrypto prompts for a passphrase on the terminal.
            return switch kind {
            case .privateKey:
                unsafe PEM_read_bio_PrivateKey(source, nil, { _, _, _, _ in -1 }, nil)
            case .publicKey: unsafe PEM_read_bio_PUBKEY(source, nil, { _, _, _, _ in -1 }, nil)
            }
        }
    }

    /// The labels of the blocks (RFC 7468 §2), `EC PRIVATE KEY`. A block counts wherever it begins,
    /// since files may be joined in the middle of a line.
    private static func labels(of pem: [UInt8]) -> [String] {
        let (mark, dash) = (Array("-----BEGIN ".utf8), UInt8(ascii: "-"))
        return pem.indices.filter { pem[$0] == dash && pem[$0...].starts(with: mark) }.map {
            String(decoding: pem[($0 + mark.count)...].prefix { $0 != dash }, as: UTF8.self)
        }
    }

    private static func isOfKey(_ label: String) -> Bool {
        label.hasSuffix("PRIVATE KEY") || label.hasSuffix("PUBLIC KEY")
    }

    private static func isEncrypted(_ pem: [UInt8]) -> Bool {
        let mark = Array("ENCRYPTED".utf8)
        return pem.indices.contains { pem[$0...].starts(with: mark) }
    }

    // MARK: - Numbers

    /// The public numbers of a key; nil for a type that no algorithm accepts.
    private static func material(_ key: OpaquePointer) -> KeyMaterial? {
        switch unsafe EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA:
            guard let n = unsafe number(key, OSSL_PKEY_PARAM_RSA_N),
                let e = unsafe number(key, OSSL_PKEY_PARAM_RSA_E)
            else { return nil }
            return .rsa(modulus: n, exponent: e)
        case EVP_PKEY_EC:
            guard let curve = unsafe curve(of: key),
                let x = unsafe number(key, OSSL_PKEY_PARAM_EC_PUB_X),
                let y = unsafe number(key, OSSL_PKEY_PARAM_EC_PUB_Y)
            else { return nil }
            return .ec(curve, x: padded(x, curve), y: padded(y, curve))
        case EVP_PKEY_ED25519:
            var point = [UInt8](repeating: 0, count: Ed25519Point.byteCount)
            var count = point.count
            guard unsafe EVP_PKEY_get_raw_public_key(key, &point, &count) == 1 else { return nil }
            return .ed25519(point)
        default: return nil
        }
    }

    private static func padded(_ number: [UInt8], _ curve: EllipticCurve) -> [UInt8] {
        [UInt8](repeating: 0, count: max(0, curve.coordinateBytes - number.count)) + number
    }

    private static func curve(of key: OpaquePointer) -> EllipticCurve? {
        var name = [CChar](repeating: 0, count: 64)
        var length = 0
        guard
            unsafe EVP_PKEY_get_utf8_string_param(
                key, OSSL_PKEY_PARAM_GROUP_NAME, &name, name.count, &length) == 1
        else { return nil }
        switch String(decoding: name.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self) {
        case "prime256v1", "P-256": return .p256
        case "secp384r1", "P-384": return .p384
        case "secp521r1", "P-521": return .p521
        default: return nil
        }
    }

    private static func number(_ key: OpaquePointer, _ name: String) -> [UInt8]? {
        var number: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(key, name, &number) == 1 else { return nil }
        defer { unsafe BN_clear_free(number) }
        var bytes = [UInt8](repeating: 0, count: (Int(unsafe BN_num_bits(number)) + 7) / 8)
        unsafe BN_bn2bin(number, &bytes)
        return bytes
    }
}
