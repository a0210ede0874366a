internal import CoreAPIBase
internal import CoreAPIRedis

/// Decodes a transaction from an entry's fields. Ignores fields of unknown names, so that producers
/// can add fields.
extension StreamEntry {
    /// The fields that a consumer decodes.
    enum Field: String, CaseIterable {
        case id, amount, currency
        case userID = "user_id"
        case createdAt = "created_at"
        /// Optional: W3C Trace Context, as text.
        case traceParent = "traceparent"
        case traceState = "tracestate"

        /// The rule for its value, for a dead letter's reason.
        var rule: String {
            switch self {
            case .id: "a UUID in lower case"
            case .amount: "an integer from 1 to 2^63-1"
            case .currency: "a code of three capital letters"
            case .userID: "an integer from 0 to 2^63-1"
            case .createdAt: "a time such as 2021-11-04T11:57:11.123456Z"
            case .traceParent, .traceState: "a W3C trace context"
            }
        }
    }

    /// The maximum number of names and values of an entry. A hundred of the largest entries fit
    /// into `RedisReplyReader.replyBytesMax`.
    static let wordsMax = 64
    /// The maximum number of bytes of an entry's names and values.
    package static let bytesMax = 4_096

    /// The transaction of an entry. Checks only its form: the intake has checked currency and
    /// bounds, maybe in another version of the program with another currency list.
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
            // An invalid trace context is dropped: it must not stop the transaction.
            traceParent: values[.traceParent].flatMap { TraceParent($0) },
            traceState: values[.traceState].flatMap { TraceState($0) })
    }

    /// For how long the transaction's status is kept, by its entry; 0 if none is.
    static func statusSeconds(_ words: [RedisReply]) -> Int {
        for index in stride(from: 0, to: words.count - 1, by: 2) {
            guard words[index] == .bulk(Array("status_seconds".utf8)),
                case .bulk(let value) = words[index + 1]
            else { continue }
            let seconds = integer(String(decoding: value, as: UTF8.self)) ?? 0
            return TransactionStatusRecord.secondsBounds ~= seconds ? seconds : 0
        }
        return 0
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
            // Invalid UTF-8 becomes replacement characters, which no field's rule accepts.
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

    /// Accepts digits only, without a leading zero: each number has exactly one spelling.
    private static func integer(_ text: String) -> Int? {
        guard let value = Int(text), value >= 0, String(value) == text else { return nil }
        return value
    }
}
