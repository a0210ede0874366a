internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit
internal import Synchronization

/// The last transactions that a loop has accepted and refused. Any thread may use it.
///
/// It has no token, no secret and no bytes of a caller except the request id: a refusal is the body
/// of its answer, which never quotes the request.
final class RecentAnswers: Sendable {
    struct Accepted {
        let id: TransactionID
        let transaction: Transaction
        let isReplayed: Bool
        let time: UnixTime
        let requestID: String
    }

    struct Refused {
        let code: Problem.Code
        /// The problem document; empty if it has more than `problemBytesMax`.
        let problem: [UInt8]
        let route: String
        let time: UnixTime
        let requestID: String
    }

    private struct Lists {
        var accepted = Ring<Accepted>(countMax: RecentAnswers.countMax)
        var refused = Ring<Refused>(countMax: RecentAnswers.countMax)
    }

    private let lists = Mutex(Lists())

    /// The limit of each list.
    static let countMax = 100
    private static let problemBytesMax = 512

    func record(_ accepted: Accepted) { lists.withLock { $0.accepted.add(accepted) } }

    func record(_ refused: Refused) { lists.withLock { $0.refused.add(refused) } }

    static func kept(_ problem: [UInt8]) -> [UInt8] {
        problem.count <= problemBytesMax ? problem : []
    }

    /// The oldest first.
    var accepted: [Accepted] { lists.withLock { $0.accepted.inOrder } }
    /// The oldest first.
    var refused: [Refused] { lists.withLock { $0.refused.inOrder } }
}
