internal import CoreAPIBase

/// The three parts of a JWS in compact serialization (RFC 7515 §7.1), as offsets into its bytes.
package struct CompactToken: Sendable {
    /// Maximum length of a token, in bytes; a longer token is refused unread.
    package static let bytesMax = 8 * 1024

    package let header: Range<Int>
    let payload: Range<Int>
    package let signature: Range<Int>
    /// The signed bytes: header, dot and payload as received.
    let signingInput: Range<Int>

    init(_ bytes: Span<UInt8>) throws(TokenError) {
        guard bytes.count <= CompactToken.bytesMax else { throw .malformed(.tooLong) }
        let dot = UInt8(ascii: ".")
        guard let first = ASCII.find(dot, 0..<bytes.count, of: bytes),
            let second = ASCII.find(dot, (first + 1)..<bytes.count, of: bytes),
            ASCII.find(dot, (second + 1)..<bytes.count, of: bytes) == nil
        else { throw .malformed(.notThreeParts) }
        header = 0..<first
        payload = (first + 1)..<second
        signature = (second + 1)..<bytes.count
        signingInput = 0..<second
    }
}
