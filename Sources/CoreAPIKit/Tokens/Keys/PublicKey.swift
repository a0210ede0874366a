internal import COpenSSL

/// A public key of libcrypto, built once from its numbers.
///
/// Sendable because the key is immutable after `init`: libcrypto counts its references atomically
/// and guards by a lock what it computes at first use.
@safe final class PublicKey: @unchecked Sendable {
    /// An `EVP_PKEY`.
    let pointer: OpaquePointer

    /// Nil if the point of an EC key is not on its curve. The other rules are `KeyMaterial.flaw`.
    init?(_ material: KeyMaterial) {
        let made =
            switch material {
            case .rsa(let modulus, let exponent): unsafe PublicKey.rsa(modulus, exponent)
            case .ec(let curve, let x, let y): unsafe PublicKey.ec(curve, x, y)
            case .ed25519(let point):
                unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, point, point.count)
            }
        guard let made = unsafe made else {
            // The next user of this thread's error queue must not find this failure.
            ERR_clear_error()
            return nil
        }
        unsafe pointer = made
    }

    deinit { unsafe EVP_PKEY_free(pointer) }

    private static func rsa(_ modulus: [UInt8], _ exponent: [UInt8]) -> OpaquePointer? {
        let n = unsafe number(modulus)
        let e = unsafe number(exponent)
        defer {
            unsafe BN_free(n)
            unsafe BN_free(e)
        }
        return unsafe key("RSA") { builder in
            unsafe OSSL_PARAM_BLD_push_BN(builder, name("n"), n) == 1
                && OSSL_PARAM_BLD_push_BN(builder, name("e"), e) == 1
        }
    }

    private static func ec(_ curve: EllipticCurve, _ x: [UInt8], _ y: [UInt8]) -> OpaquePointer? {
        let group: StaticString =
            switch curve {
            case .p256: "P-256"
            case .p384: "P-384"
            case .p521: "P-521"
            }
        // SEC 1 §2.3.3: an uncompressed point. libcrypto reads it after `push`.
        return unsafe ([4] + x + y).withUnsafeBytes { point in
            unsafe key("EC") { builder in
                unsafe OSSL_PARAM_BLD_push_utf8_string(builder, name("group"), name(group), 0) == 1
                    && OSSL_PARAM_BLD_push_octet_string(
                        builder, name("pub"), point.baseAddress, point.count) == 1
            }
        }
    }

    /// A text that lives as long as the program: libcrypto keeps pointers to names.
    private static func name(_ literal: StaticString) -> UnsafePointer<CChar> {
        unsafe UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    private static func number(_ bytes: [UInt8]) -> OpaquePointer? {
        unsafe BN_bin2bn(bytes, Int32(bytes.count), nil)
    }

    /// A key of the parameters that `fill` adds; nil if libcrypto refuses them.
    private static func key(
        _ type: String, _ fill: (OpaquePointer) -> Bool
    ) -> OpaquePointer? {
        guard let builder = unsafe OSSL_PARAM_BLD_new() else { return nil }
        defer { unsafe OSSL_PARAM_BLD_free(builder) }
        guard unsafe fill(builder), let parameters = unsafe OSSL_PARAM_BLD_to_param(builder) else {
            return nil
        }
        defer { unsafe OSSL_PARAM_free(parameters) }
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, type, nil) else { return nil }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard unsafe EVP_PKEY_fromdata_init(context) == 1,
            unsafe EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY_VALUE, parameters) == 1
        else { return nil }
        return unsafe key
    }
}
