/// The three parts of a JWS in compact serialization (RFC 7515 §7.1), as offsets into its bytes.
public struct CompactToken: Sendable {
    /// The longest token that is looked at, in bytes.
    public static let bytesMax = 8 * 1024

    let header: Range<Int>
    let payload: Range<Int>
    let signature: Range<Int>
    /// What the signature is over: header, dot and payload as they were received.
    let signingInput: Range<Int>

    init(_ bytes: Span<UInt8>) throws(TokenError) {
        guard bytes.count <= CompactToken.bytesMax else { throw .malformed(.tooLong) }
        var dots: (first: Int, second: Int)?
        var firstDot: Int?
        for index in bytes.indices where bytes[index] == UInt8(ascii: ".") {
            guard dots == nil else { throw .malformed(.notThreeParts) }
            if let first = firstDot { dots = (first, index) } else { firstDot = index }
        }
        guard let dots else { throw .malformed(.notThreeParts) }
        header = 0..<dots.first
        payload = (dots.first + 1)..<dots.second
        signature = (dots.second + 1)..<bytes.count
        signingInput = 0..<dots.second
    }
}
