internal import CoreAPIBase
internal import CoreAPIRedis

/// Reads the names and values of an entry or a job as a dead letter.
struct DeadLetterWords {
    private let fields: [(name: String, value: [UInt8])]

    /// The limits of a decompressed traceback, for its exception's line and as a whole.
    private static let lineBytesMax = 128 * 1024
    private static let wholeBytesMax = 1024 * 1024
    /// The last bytes of a traceback that are shown.
    private static let shownBytesMax = 32 * 1024

    /// - Parameter words: names and values in turns.
    init(_ words: [[UInt8]]) {
        fields = stride(from: 0, to: words.count - 1, by: 2).map {
            (String(decoding: words[$0], as: UTF8.self), words[$0 + 1])
        }
    }

    static func bytes(_ reply: RedisReply) -> [UInt8] {
        if case .bulk(let bytes) = reply { bytes } else { [] }
    }

    private func bytes(_ name: String) -> [UInt8]? { fields.first { $0.name == name }?.value }

    private func text(_ name: String) -> String? {
        bytes(name).map { String(decoding: $0, as: UTF8.self) }
    }

    private func time(_ name: String) -> UnixTime? {
        bytes(name).flatMap { UnixTime(timestamp: $0.span) }
    }

    private static func cut(_ text: String) -> String {
        String(decoding: text.utf8.prefix(DeadLetter.reasonBytesMax), as: UTF8.self)
    }

    /// The reason of an entry. One without a visible character is as good as none, and could be
    /// neither read nor chosen.
    private static func reason(_ given: String?) -> String {
        guard let given, given.utf8.contains(where: { $0 > 0x20 }) else {
            return "no reason is given"
        }
        return cut(given)
    }

    // MARK: - Streams

    /// - Parameter place: the partition, of a stream with several.
    func entry(_ id: String, place: Int?) -> DeadLetter {
        let milliseconds = id.split(separator: "-").first.flatMap { Int64($0) }
        return DeadLetter(
            id: place.map { "\($0):\(id)" } ?? id, transactionID: text("id") ?? "",
            reason: DeadLetterWords.reason(text("dead_reason")),
            diedAt: milliseconds.map { UnixTime(milliseconds: $0) },
            attempts: text("dead_attempts").flatMap { Int($0) },
            fields: fields.filter { $0.name != "dead_reason" && $0.name != "dead_attempts" }.map {
                DeadLetter.Field(
                    name: $0.name, value: String(decoding: $0.value, as: UTF8.self))
            })
    }

    // MARK: - python-rq

    /// - Parameter isWhole: whether the letter has the whole traceback.
    func job(_ id: String, isWhole: Bool) -> DeadLetter {
        let limit = isWhole ? DeadLetterWords.wholeBytesMax : DeadLetterWords.lineBytesMax
        let traceback = traceback(bytesMax: limit)
        var shown = traceback ?? ""
        if shown.utf8.count > DeadLetterWords.shownBytesMax {
            let end = shown.utf8.suffix(DeadLetterWords.shownBytesMax)
            shown = "…" + String(decoding: end, as: UTF8.self)
        }
        return DeadLetter(
            id: id, transactionID: id, reason: reason(traceback), diedAt: time("ended_at"),
            attempts: nil,
            fields: arguments
                + fields.filter { !$0.name.hasPrefix("exc_") && $0.name != "gone" }.compactMap {
                    $0.value.isEmpty
                        ? nil
                        : DeadLetter.Field(
                            name: $0.name, value: String(decoding: $0.value, as: UTF8.self))
                },
            traceback: isWhole ? shown : "")
    }

    private func reason(_ traceback: String?) -> String {
        if bytes("gone") != nil { return "rq has forgotten the job: only its id is left" }
        guard let traceback else { return "its traceback is too long to be read" }
        let line = DeadLetterWords.exceptionLine(traceback)
        guard !line.isEmpty else { return "no traceback is given" }
        // rq writes the time behind the reason of a job whose worker died.
        let hasTime = line.hasPrefix("Moved to ")
        let end = hasTime ? line.firstRange(ofASCII: ", at ")?.lowerBound : nil
        return DeadLetterWords.cut(String(line[..<(end ?? line.endIndex)]))
    }

    /// The line that names the exception: the first behind the stack of the last traceback, since
    /// an exception's text may have several. Without a traceback it is the last line; empty if none
    /// has a visible character.
    ///
    ///     Traceback (most recent call last):
    ///       File "psp.py", line 3, in make_transaction
    ///     pydantic_core.ValidationError: 1 validation error for Answer
    ///       For further information visit https://errors.pydantic.dev/2.11/v/int_parsing
    private static func exceptionLine(_ traceback: String) -> String {
        let bytes = Array(traceback.utf8)
        var (found, last) = (0..<0, 0..<0)
        // How many bytes precede each line of a stack; nil outside of one.
        var margin: Int?
        var begin = 0
        while begin < bytes.count {
            var (end, visibleEnd) = (begin, begin)
            while end < bytes.count, bytes[end] != 0x0A, bytes[end] != 0x0D {
                end += 1
                if bytes[end - 1] > 0x20 { visibleEnd = end }
            }
            let line = begin..<visibleEnd
            begin = end + 1
            if line.isEmpty { continue }
            last = line
            let words = text(bytes, line)
            if words.hasPrefix("Traceback") {
                margin = 0
            } else if words.hasPrefix("  + Exception Group Traceback") {
                margin = "  | ".utf8.count
            } else if let count = margin, line.count > count,
                bytes[line.lowerBound + count] > 0x20
            {
                found = line.lowerBound + count..<line.upperBound
                margin = nil
            }
        }
        return text(bytes, found.isEmpty ? last : found)
    }

    private static func text(_ bytes: [UInt8], _ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    /// The traceback; empty without one, nil if it is too long or cannot be decompressed.
    private func traceback(bytesMax: Int) -> String? {
        if bytes("exc_long") != nil { return nil }
        var data = bytes("exc_info") ?? []
        if let encoded = bytes("exc_string") {
            guard let decoded = DeadLetterWords.decodeBase64(encoded) else { return nil }
            data = decoded
        }
        guard Zlib.isZlib(data) else { return String(decoding: data, as: UTF8.self) }
        return Zlib.decompress(data, bytesMax: bytesMax).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private static func decodeBase64(_ text: [UInt8]) -> [UInt8]? {
        let digits = text.filter { $0 != UInt8(ascii: "=") }.map { byte in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: byte
            }
        }
        return Base64URL.decode(0..<digits.count, of: digits.span)
    }

    /// The arguments of the call in the job's description:
    /// `__main__.make_transaction(amount=1000, currency='USD', user_id=1)`.
    private var arguments: [DeadLetter.Field] {
        guard let call = text("description"), let start = call.firstRange(ofASCII: "("),
            call.utf8.last == UInt8(ascii: ")")
        else { return [] }
        return call[start.upperBound...].dropLast().split(separator: ",").compactMap { argument in
            let parts = argument.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            let name = parts[0].drop { $0 == " " }
            guard ["amount", "currency", "user_id"].contains(name) else { return nil }
            return DeadLetter.Field(
                name: String(name), value: String(parts[1].filter { $0 != "'" }))
        }
    }
}
