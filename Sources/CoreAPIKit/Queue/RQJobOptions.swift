package import CoreAPIBase

/// What workers of python-rq run for each transaction, for how long, and under which keys.
///
/// The defaults are those of the PSP connector, which runs rq 1.10.
public struct RQJobOptions: Hashable, Sendable {
    /// For how long rq keeps a job that has failed.
    public enum FailureLifetime: Hashable, Sendable {
        /// What the worker applies to a job that names nothing: a year.
        case standard
        /// So many seconds, 1 to 3,155,760,000.
        case limited(seconds: Int)
        /// Until someone removes it.
        case forever
    }

    /// The dotted name of the function: at least a module and a function, of ASCII letters, digits
    /// and underscores, none of them a keyword of Python. `__main__` is the program that runs the
    /// worker; the command `rq worker` imports any other module.
    public var function = "__main__.make_transaction"
    /// How long a job may run, in seconds, 1 to 31,536,000; nil for no limit.
    public var timeoutSeconds: Int? = 180
    /// For how long rq keeps a job that has failed.
    public var failureLifetime = FailureLifetime.standard
    /// What all keys of rq begin with, without the colon behind it: `RQ_KEY_PREFIX` of rq 3. Of
    /// ASCII letters, digits and `_.:{}-`; braces enclose one hash tag.
    public var keyPrefix = RQKeys.standardPrefix

    /// The defaults.
    public init() {}

    package static let timeoutSecondsBounds = 1...31_536_000
    package static let failureSecondsBounds = 1...3_155_760_000
    private static let textBytesMax = 255

    /// Throws where an option is not allowed.
    package func check() throws(ArgumentError) {
        try ArgumentError.check(
            RQJobOptions.isDottedName(function), "function",
            "a dotted Python name of a module and a function, such as connector.make_transaction, "
                + "of letters, digits and underscores, without Python's keywords, at most 255 bytes"
        )
        try ArgumentError.check(
            timeoutSeconds.map { RQJobOptions.timeoutSecondsBounds ~= $0 } ?? true,
            "timeoutSeconds", "1 to 31536000, or nil")
        if case .limited(let seconds) = failureLifetime {
            try ArgumentError.check(
                RQJobOptions.failureSecondsBounds ~= seconds, "failureLifetime",
                "1 to 3155760000 seconds")
        }
        try ArgumentError.check(
            RQJobOptions.isKeyPrefix(keyPrefix), "keyPrefix",
            "what rq accepts as RQ_KEY_PREFIX: ASCII letters, digits and _.:{}-, at most 255 "
                + "bytes; braces, if any, enclose one hash tag: {rq}")
    }

    /// The value of a job's field `timeout`, in seconds.
    var timeoutWord: String { timeoutSeconds.map { "\($0)" } ?? "-1" }

    /// The value of a job's field `failure_ttl`, in seconds; nil for a job without it.
    var failureLifetimeWord: String? {
        switch failureLifetime {
        case .standard: nil
        case .limited(let seconds): "\(seconds)"
        case .forever: "-1"
        }
    }

    /// `keyword.kwlist` of Python 3.
    private static let keywords: Set<String> = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class",
        "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global",
        "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return",
        "try", "while", "with", "yield",
    ]

    /// Whether the name is one of Python: two or more identifiers, joined by dots.
    private static func isDottedName(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return text.utf8.count <= textBytesMax && parts.count >= 2
            && parts.allSatisfy { part in
                part.allSatisfy(isIdentifierByte)
                    && !keywords.contains(String(decoding: part, as: UTF8.self))
                    && part.first.map { !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0) } == true
            }
    }

    private static func isIdentifierByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Whether rq accepts the prefix, and its braces, if any, are one hash tag.
    private static func isKeyPrefix(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard 1...textBytesMax ~= bytes.count,
            bytes.allSatisfy({ isIdentifierByte($0) || ".:{}-".utf8.contains($0) })
        else { return false }
        let opening = bytes.indices.filter { bytes[$0] == UInt8(ascii: "{") }
        let closing = bytes.indices.filter { bytes[$0] == UInt8(ascii: "}") }
        if opening.isEmpty && closing.isEmpty { return true }
        return opening.count == 1 && closing.count == 1 && closing[0] > opening[0] + 1
    }
}
