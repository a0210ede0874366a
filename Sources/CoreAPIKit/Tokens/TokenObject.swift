/// The JSON object that is a token's header or payload, as offsets into its bytes.
///
/// Every name is there once (RFC 7515 §4, RFC 7519 §4): with two, each reader could believe
/// another.
struct TokenObject {
    /// More members than any token has; a bound on the work that an unsigned header can cause.
    static let membersMax = 64

    /// How many members most tokens have at most.
    private static let membersUsual = 8

    private var members: [(name: JSONText, value: JSONValue)] = []

    /// Nil if the bytes are not one JSON object with unique names.
    init?(_ bytes: Span<UInt8>) {
        do {
            var reader = JSONReader()
            members.reserveCapacity(TokenObject.membersUsual)
            guard try reader.beginsObject(bytes) else { return nil }
            while let name = try reader.nextMember(bytes, isFirst: members.isEmpty) {
                guard members.count < TokenObject.membersMax, !contains(name, bytes) else {
                    return nil
                }
                members.append((name, try reader.value(bytes, depth: 1)))
            }
            try reader.end(bytes)
        } catch {
            return nil
        }
    }

    /// The member's value; nil if there is none of that name.
    func value(_ name: String, _ bytes: Span<UInt8>) -> JSONValue? {
        for member in members where member.name.equals(name, bytes) { return member.value }
        return nil
    }

    private func contains(_ name: JSONText, _ bytes: Span<UInt8>) -> Bool {
        for member in members where Self.equal(member.name, name, bytes) { return true }
        return false
    }

    private static func equal(_ left: JSONText, _ right: JSONText, _ bytes: Span<UInt8>) -> Bool {
        if left.hasEscapes || right.hasEscapes {
            return left.decoded(bytes) == right.decoded(bytes)
        }
        guard left.range.count == right.range.count else { return false }
        let distance = right.range.lowerBound - left.range.lowerBound
        for index in left.range where bytes[index] != bytes[index + distance] { return false }
        return true
    }
}
