/// What a queue in Redis keeps besides its transactions. Each is a part of the script that
/// enqueues: a queue that does without has a script without it.
package struct QueueFeatures: Sendable {
    /// For how many seconds a transaction's status is kept after its last change; 0 for none.
    package var statusSeconds = 0

    package init() {}

    var keepsStatus: Bool { statusSeconds > 0 }

    /// What the script gets once for all messages of a batch.
    var queueWords: [[UInt8]] { keepsStatus ? [Array(String(statusSeconds).utf8)] : [] }

    /// The lines of a script that are not empty: a part that is left out leaves an empty one.
    static func lines(_ script: String) -> String {
        script.split(separator: "\n").filter { $0.contains { $0 != " " } }.joined(separator: "\n")
    }
}
