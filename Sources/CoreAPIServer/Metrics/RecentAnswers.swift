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
        var accepted = RecentList<Accepted>()
        var refused = RecentList<Refused>()
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

    /// In any order.
    var accepted: [Accepted] { lists.withLock { $0.accepted.elements } }
    /// In any order.
    var refused: [Refused] { lists.withLock { $0.refused.elements } }
}

/// The last elements, in any order.
struct RecentList<Element> {
    private(set) var elements: [Element] = []
    private var next = 0

    mutating func add(_ element: Element) {
        if elements.count < RecentAnswers.countMax {
            elements.append(element)
        } else {
            elements[next] = element
            next = (next + 1) % RecentAnswers.countMax
        }
    }
}
