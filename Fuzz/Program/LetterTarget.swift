@testable internal import CoreAPIKit

/// A failed job's traceback and description: whatever they are, a letter has a reason within its
/// bounds.
enum LetterTarget {
    private static let bytesMax = 16 * 1024

    static func run(_ bytes: [UInt8]) {
        let found = Zlib.decompress(bytes, bytesMax: bytesMax)
        demand((found?.count ?? 0) <= bytesMax, "more bytes than the limit")
        for name in ["exc_info", "exc_string", "description"] {
            let words = DeadLetterWords([Array(name.utf8), bytes])
            for isWhole in [false, true] {
                let letter = words.job("id", isWhole: isWhole)
                demand(!letter.reason.isEmpty, "a letter without a reason")
                // A character that the cut splits becomes a replacement character.
                demand(
                    letter.reason.utf8.count <= DeadLetter.reasonBytesMax + 9,
                    "a reason of \(letter.reason.utf8.count) bytes")
                demand(isWhole || letter.traceback.isEmpty, "a traceback in a page")
            }
        }
        let entry = DeadLetterWords([Array("dead_reason".utf8), bytes]).entry("1-1", place: 3)
        demand(entry.id == "3:1-1", "an entry with another id")
    }
}
