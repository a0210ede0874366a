internal import COpenSSL

/// Rules for the bytes of an Ed25519 public key, which libcrypto does not check.
enum Ed25519Point {
    static let byteCount = 32

    /// Why the point must not be a key; nil if nothing speaks against it.
    static func flaw(_ point: [UInt8]) -> UnusedKey.Reason? {
        guard point.count == byteCount else { return .coordinates }
        var y = point
        // The uppermost bit is the sign of x (RFC 8032 §5.1.2).
        y[byteCount - 1] &= 0x7F
        // RFC 8032 §5.1.3: y is below p.
        if !y.reversed().lexicographicallyPrecedes(prime) { return .coordinates }
        // For a key of small order, a signature can be made without a private key.
        if smallOrders.contains(y) { return .smallOrder }
        return isOnCurve(y) ? nil : .point
    }

    /// Whether there is an x for this y, which is below p (RFC 8032 §5.1.3).
    ///
    /// The curve is -x² + y² = 1 + d·x²·y² with d = -121665/121666, so x² is
    /// (y² - 1) / (d·y² + 1). That is a square modulo p if (y² - 1)·(121666 - 121665·y²)·121666 is
    /// one, which is the same times a square.
    private static func isOnCurve(_ y: [UInt8]) -> Bool {
        let (p, square, other) = unsafe (BN_new(), BN_new(), BN_new())
        let context = unsafe BN_CTX_new()
        defer {
            unsafe BN_free(p)
            unsafe BN_free(square)
            unsafe BN_free(other)
            unsafe BN_CTX_free(context)
        }
        let bigEndian = Array(y.reversed())
        guard unsafe BN_bin2bn(prime, Int32(byteCount), p) != nil,
            unsafe BN_bin2bn(bigEndian, Int32(byteCount), square) != nil,
            unsafe BN_mod_sqr(square, square, p, context) == 1,
            unsafe BN_copy(other, square) != nil, unsafe BN_mul_word(other, 121_665) == 1
        else { return false }
        unsafe BN_set_negative(other, 1)
        guard unsafe BN_add_word(other, 121_666) == 1, unsafe BN_mul_word(other, 121_666) == 1,
            unsafe BN_sub_word(square, 1) == 1,
            unsafe BN_mod_mul(square, square, other, p, context) == 1
        else { return false }
        // The Kronecker symbol: 1 for a square, 0 for 0, -1 for no square, -2 for an error.
        return unsafe BN_kronecker(square, p, context) >= 0
    }

    /// p = 2^255 - 19, big-endian.
    private static let prime: [UInt8] =
        [0x7F] + [UInt8](repeating: 0xFF, count: 30) + [0xED]

    /// The y of the eight points whose order divides 8: 0, 1, -1, and two of order 8.
    private static let smallOrders: [[UInt8]] = [
        [UInt8](repeating: 0, count: 32),
        [1] + [UInt8](repeating: 0, count: 31),
        [0xEC] + [UInt8](repeating: 0xFF, count: 30) + [0x7F],
        [
            0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF,
            0x98, 0xF0, 0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88,
            0x6D, 0x53, 0xFC, 0x05,
        ],
        [
            0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10,
            0x67, 0x0F, 0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77,
            0x92, 0xAC, 0x03, 0x7A,
        ],
    ]
}
