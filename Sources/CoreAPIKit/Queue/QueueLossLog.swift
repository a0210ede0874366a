internal import CoreAPIRedis
internal import Logging

/// Logs transactions that Redis has confirmed and lost.
struct QueueLossLog: Sendable {
    let url: RedisURL
    let logger: Logger

    /// Maximum of ids in one log line.
    private static let idsMax = 100

    func report(_ losses: ProducerLosses) {
        if let lost = losses.lost { report(lost) }
        if let key = losses.replacedKey {
            logger.warning(
                "the producer session's key had foreign content, which was replaced",
                metadata: ["redis": "\(url)", "key": "\(key)"])
        }
        for reason in GivenUpMessage.Reason.allCases {
            let ids = losses.givenUp.filter { $0.reason == reason }.map(\.name)
            report(ids, QueueLossLog.message(reason))
        }
    }

    private static func message(_ reason: GivenUpMessage.Reason) -> Logger.Message {
        switch reason {
        case .refused: "confirmed transactions are lost for good: Redis refuses them"
        case .sessionLost:
            "confirmed transactions may be lost: the session was removed while they were sent again"
        case .closed:
            "confirmed transactions may be lost: the queue was closed while they were sent again"
        }
    }

    private func report(_ lost: LostConfirmations) {
        let numbers = "\(lost.numbers.lowerBound)-\(lost.numbers.upperBound)"
        if lost.isSameRun {
            logger.warning(
                "the producer session was removed from Redis: nothing is sent again",
                metadata: ["redis": "\(url)", "numbers": "\(numbers)"])
            return
        }
        logger.error(
            "Redis has lost confirmed transactions",
            metadata: [
                "redis": "\(url)", "count": "\(lost.count)", "numbers": "\(numbers)",
                "sent_again": "\(lost.replayed.count)",
                "not_kept": "\(lost.count - lost.replayed.count)",
            ])
        report(lost.replayed, "confirmed transactions are sent again")
    }

    private func report(_ ids: [String], _ message: Logger.Message) {
        for start in stride(from: 0, to: ids.count, by: QueueLossLog.idsMax) {
            let part = ids[start..<min(start + QueueLossLog.idsMax, ids.count)]
            logger.error(
                message, metadata: ["redis": "\(url)", "ids": "\(part.joined(separator: " "))"])
        }
    }
}
