internal import CoreAPIBase

/// The JSON object that is a token's header or payload.
///
/// Every name is there once (RFC 7515 §4, RFC 7519 §4): with two, each reader could believe
/// another.
enum TokenObject {
    /// More members than any token has; a bound on the work that an unsigned header can cause.
    static let membersMax = 64

    /// Reads all members. False if the bytes are not one JSON object with unique names: then those
    /// that were taken mean nothing.
    static func read(_ bytes: Span<UInt8>, _ take: (JSONText, JSONValue) -> Void) -> Bool {
        do {
            var reader = JSONReader()
            var names = Names()
            guard try reader.beginsObject(bytes) else { return false }
            while let name = try reader.nextMember(bytes, isFirst: names.count == 0) {
                guard names.insert(name, bytes) else { return false }
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
        private var names = InlineArray<64, JSONText>(
            repeating: JSONText(range: 0..<0, hasEscapes: false))

        /// False if the name was there before, or there are too many.
        mutating func insert(_ name: JSONText, _ bytes: Span<UInt8>) -> Bool {
            guard count < TokenObject.membersMax else { return false }
            for index in 0..<count {
                let other = names[index]
                guard other.hasEscapes || name.hasEscapes || other.range.count == name.range.count
                else { continue }
                if Names.equal(other, name, bytes) { return false }
            }
            names[count] = name
            count += 1
            return true
        }

        private static func equal(
            _ left: JSONText, _ right: JSONText, _ bytes: Span<UInt8>
        ) -> Bool {
            if left.hasEscapes || right.hasEscapes {
                return left.decoded(bytes) == right.decoded(bytes)
            }
            return ASCII.equal(bytes.extracting(left.range), right.range, of: bytes)
        }
    }
}
