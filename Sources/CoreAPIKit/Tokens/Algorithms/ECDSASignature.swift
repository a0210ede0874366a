/// An ECDSA signature of JOSE: R and S as big-endian integers of fixed length (RFC 7518 §3.4).
/// libcrypto takes and gives the DER of RFC 3279 §2.2.3.
///
///     0x30 length                      SEQUENCE
///     0x02 length R   0x02 length S    INTEGERs without needless leading zeros
///
/// A length above 127 is `0x81` and one byte. The longest signature, of P-521, has 139 bytes.
enum ECDSASignature {
    /// The DER of R and S. Whether they are in 1…n-1 is for libcrypto to check.
    ///
    /// - Parameter fixed: R and S, each half of the bytes, at most 66 bytes each.
    static func der(_ fixed: Span<UInt8>) -> [UInt8] {
        let half = fixed.count / 2
        let body =
            integer(fixed.extracting(first: half)) + integer(fixed.extracting(droppingFirst: half))
        let length = body.count > 127 ? [0x81, UInt8(body.count)] : [UInt8(body.count)]
        return [0x30] + length + body
    }

    private static func integer(_ number: Span<UInt8>) -> [UInt8] {
        var first = 0
        while first < number.count - 1, number[first] == 0 { first += 1 }
        var bytes: [UInt8] = number[first] > 0x7F ? [0] : []
        for index in first..<number.count { bytes.append(number[index]) }
        return [0x02, UInt8(bytes.count)] + bytes
    }

    /// R and S of a DER signature that libcrypto made; nil if it is another text.
    static func fixed(_ der: [UInt8], coordinateBytes: Int) -> [UInt8]? {
        var rest = der[...]
        guard rest.popFirst() == 0x30, let first = rest.popFirst() else { return nil }
        if first == 0x81, rest.popFirst() == nil { return nil }
        guard let r = integer(&rest, coordinateBytes), let s = integer(&rest, coordinateBytes),
            rest.isEmpty
        else { return nil }
        return r + s
    }

    private static func integer(_ rest: inout ArraySlice<UInt8>, _ bytes: Int) -> [UInt8]? {
        guard rest.popFirst() == 0x02, let length = rest.popFirst(), length <= rest.count else {
            return nil
        }
        let digits = rest.prefix(Int(length)).drop { $0 == 0 }
        rest = rest.dropFirst(Int(length))
        guard digits.count <= bytes else { return nil }
        return [UInt8](repeating: 0, count: bytes - digits.count) + digits
    }
}
