internal import CoreAPIBase
internal import CoreAPIRedis

/// What all jobs of a queue have in common, as bytes.
final class RQJobFormat: Sendable {
    /// What the key of a job's hash begins with.
    let keyStart: [UInt8]
    /// The description before the amount, the currency and the user.
    let descriptionParts: (amount: [UInt8], currency: [UInt8], user: [UInt8])
    /// What every job's pickle has before its values, (function, None, (), {user_id: …, and after
    /// them.
    let pickleParts: (user: [UInt8], amount: [UInt8], currency: [UInt8], end: [UInt8])

    /// - Parameters:
    ///   - keys: of the queue.
    ///   - function: a dotted Python name.
    init(_ keys: RQKeys, function: String) {
        keyStart = Array(keys.jobStart.utf8)
        descriptionParts = (
            amount: Array("\(function)(amount=".utf8), currency: Array(", currency='".utf8),
            user: Array("', user_id=".utf8)
        )
        pickleParts = (
            user: Pickle.start + Pickle.mark + Pickle.text(function) + Pickle.none
                + Pickle.emptyTuple + Pickle.emptyDictionary + Pickle.mark + Pickle.text("user_id"),
            amount: Pickle.text("amount"),
            currency: Pickle.text("currency") + Pickle.textStart(length: CurrencyCode.length),
            end: Pickle.setItems + Pickle.tuple + Pickle.stop
        )
    }
}
