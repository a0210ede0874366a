internal import CoreAPIBase

/// The JSON object that is a token's header or payload.
///
/// Names are unique (RFC 7515 §4, RFC 7519 §4): two readers could choose different duplicates.
enum TokenObject {
    /// Maximum number of members, which bounds the search for duplicate names.
    static let membersMax = 64

    /// The handling of names with escape sequences.
    enum EscapedNames { case refused, decoded }

    /// Reads all members. Returns false if the bytes are not one JSON object with unique names: the
    /// caller must then discard the members already read.
    static func read(
        _ bytes: Span<UInt8>, escapedNames: EscapedNames, _ take: (JSONText, JSONValue) -> Void
    ) -> Bool {
        do {
            var reader = JSONReader()
            var (count, plainCount) = (0, 0)
            // The names read so far: ranges of the first ones, up to one with an escape sequence,
            // and the decoded bytes of later names.
            var plain = InlineArray<8, Range<Int>>(repeating: 0..<0)
            var decoded: [[UInt8]] = []
            guard try reader.beginsObject(bytes) else { return false }
            while let name = try reader.nextMember(bytes, isFirst: count == 0) {
                guard count < membersMax else { return false }
                count += 1
                if !name.hasEscapes, decoded.isEmpty, plainCount < plain.count {
                    for index in 0..<plainCount where plain[index].count == name.range.count {
                        let other = bytes.extracting(plain[index])
                        if ASCII.equal(other, name.range, of: bytes) { return false }
                    }
                    plain[plainCount] = name.range
                    plainCount += 1
                } else {
                    guard !name.hasEscapes || escapedNames == .decoded else { return false }
                    let name = name.decoded(bytes)
                    for index in 0..<plainCount
                    where ASCII.equal(name.span, plain[index], of: bytes) { return false }
                    if decoded.contains(name) { return false }
                    decoded.append(name)
                }
                take(name, try reader.value(bytes, depth: 1))
            }
            try reader.end(bytes)
            return true
        } catch {
            return false
        }
    }
}
