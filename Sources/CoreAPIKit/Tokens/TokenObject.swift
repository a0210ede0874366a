/// The JSON object that is a token's header or payload.
///
/// Every name is there once (RFC 7515 §4, RFC 7519 §4): with two, each reader could believe
/// another.
enum TokenObject {
    /// More members than any token has: the bound on the work for names that must differ.
    static let membersMax = 64

    /// What is done with a name that is spelt with escape sequences.
    enum EscapedNames { case refused, decoded }

    /// Reads all members. False if the bytes are not one JSON object with unique names: then those
    /// that were taken mean nothing.
    static func read(
        _ bytes: Span<UInt8>, escapedNames: EscapedNames, _ take: (JSONText, JSONValue) -> Void
    ) -> Bool {
        do {
            var reader = JSONReader()
            var names = Names()
            guard try reader.beginsObject(bytes) else { return false }
            while let name = try reader.nextMember(bytes, isFirst: names.count == 0) {
                guard escapedNames == .decoded || !name.hasEscapes, names.insert(name, bytes)
                else { return false }
                take(name, try reader.value(bytes, depth: 1))
            }
            try reader.end(bytes)
            return true
        } catch {
            return false
        }
    }

    /// The names that there have been.
    private struct Names {
        private(set) var count = 0
        private var plainCount = 0
        /// Those without escape sequences.
        private var plain = InlineArray<64, Range<Int>>(repeating: 0..<0)
        /// The others, each decoded once.
        private var decoded: [[UInt8]] = []

        /// False if the name was there before, or there are too many.
        mutating func insert(_ name: JSONText, _ bytes: Span<UInt8>) -> Bool {
            guard count < TokenObject.membersMax else { return false }
            count += 1
            if name.hasEscapes {
                let name = name.decoded(bytes)
                guard isNew(0..<name.count, of: name.span, bytes) else { return false }
                decoded.append(name)
            } else {
                guard isNew(name.range, of: bytes, bytes) else { return false }
                plain[plainCount] = name.range
                plainCount += 1
            }
            return true
        }

        private func isNew(
            _ range: Range<Int>, of name: Span<UInt8>, _ bytes: Span<UInt8>
        ) -> Bool {
            for index in 0..<plainCount where plain[index].count == range.count {
                let other = bytes.extracting(plain[index])
                if ASCII.equal(other, range, of: name) { return false }
            }
            for other in decoded where ASCII.equal(other.span, range, of: name) { return false }
            return true
        }
    }
}
