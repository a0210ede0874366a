internal import CoreAPIBase
internal import CoreAPIRedis

/// The way back: a transaction out of an entry's fields. Fields of other names are passed over, so
/// that producers can add some.
extension StreamEntry {
    /// The fields that a consumer knows.
    enum Field: String, CaseIterable {
        case id, amount, currency
        case userID = "user_id"
        case createdAt = "created_at"
        /// Optional: W3C Trace Context, as text.
        case traceParent = "traceparent"

        /// What its value is to be, for a dead letter's reason.
        var rule: String {
            switch self {
            case .id: "a UUID of version 4 in lower case"
            case .amount: "an integer from 1 to 2^63-1"
            case .currency: "a code of three capital letters"
            case .userID: "an integer from 0 to 2^63-1"
            case .createdAt: "a time such as 2021-11-04T11:57:11.123456Z"
            case .traceParent: "a W3C trace context"
            }
        }
    }

    /// Names and values of an entry that is looked at: a hundred of the largest entries are well
    /// within `RedisReplyReader.replyBytesMax`.
    static let wordsMax = 64
    /// Bytes of those.
    package static let bytesMax = 4_096

    /// The transaction of an entry. What is well-formed is taken: whether it may be charged was
    /// judged when it was taken in, maybe by another build, with another year's currencies and
    /// other bounds.
    ///
    /// - Parameter words: names and values in turns.
    static func decode(_ words: [RedisReply]) throws(StreamEntryFlaw) -> Transaction {
        let values = try texts(words)
        let idText = try required(.id, values)
        let amountText = try required(.amount, values)
        let currencyText = try required(.currency, values)
        let userText = try required(.userID, values)
        let timeText = try required(.createdAt, values)
        guard let id = TransactionID(queued: idText) else { throw .invalid(.id) }
        guard let amount = integer(amountText).flatMap({ Amount(queued: $0) }) else {
            throw .invalid(.amount)
        }
        guard let currency = CurrencyCode(queued: currencyText) else { throw .invalid(.currency) }
        guard let userID = integer(userText) else { throw .invalid(.userID) }
        guard let createdAt = UnixTime(timestamp: timeText.utf8.span) else {
            throw .invalid(.createdAt)
        }
        return Transaction(
            queued: id, amount: amount, currency: currency, userID: userID, createdAt: createdAt,
            // A trace that nobody can follow is no reason not to charge.
            traceParent: values[.traceParent].flatMap { TraceParent($0) })
    }

    private static func texts(_ words: [RedisReply]) throws(StreamEntryFlaw) -> [Field: String] {
        guard words.count.isMultiple(of: 2), !words.isEmpty else { throw .fieldsMissing }
        guard words.count <= wordsMax else { throw .tooLarge }
        var values: [Field: String] = [:]
        var byteCount = 0
        for index in stride(from: 0, to: words.count, by: 2) {
            guard case .bulk(let name) = words[index], case .bulk(let value) = words[index + 1]
            else { throw .fieldsMissing }
            byteCount += name.count + value.count
            guard byteCount <= bytesMax else { throw .tooLarge }
            guard let field = Field(rawValue: String(decoding: name, as: UTF8.self)) else {
                continue
            }
            guard values[field] == nil else { throw .twice(field) }
            // Bytes that are no text become a text that no field allows.
            values[field] = String(decoding: value, as: UTF8.self)
        }
        return values
    }

    private static func required(
        _ field: Field, _ values: [Field: String]
    ) throws(StreamEntryFlaw) -> String {
        guard let value = values[field] else { throw .missing(field) }
        return value
    }

    /// Digits alone, without a leading zero: a number has one spelling.
    private static func integer(_ text: String) -> Int? {
        guard let value = Int(text), value >= 0, String(value) == text else { return nil }
        return value
    }
}
