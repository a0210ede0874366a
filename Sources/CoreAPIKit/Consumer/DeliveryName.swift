internal import CoreAPIRedis

/// Identifies one delivery of one entry. A later delivery of the same entry invalidates the earlier
/// one, even at the same consumer.
struct DeliveryName: Hashable {
    /// The partition of the stream, from 0: entries of two may have the same id.
    var partition = 0
    /// The entry's id.
    let id: String
    /// Redis's delivery count: 1 for the first delivery, unless `XCLAIM … RETRYCOUNT` has changed
    /// it.
    let attempt: Int

    /// The form in the arguments of the scripts, which see one partition: `1636027031123-0 2`.
    var text: String { "\(id) \(attempt)" }
}

extension DeliveryName {
    /// The id of an entry in a reply: two numbers of up to 20 digits, with a hyphen between them.
    /// Any other text could contain a space, which separates words in the scripts' arguments.
    static func id(of reply: RedisReply) throws(RedisError) -> String {
        guard case .bulk(let bytes) = reply else { throw .protocolViolation }
        let numbers = bytes.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard numbers.count == 2, numbers.allSatisfy({ 1...20 ~= $0.count }),
            numbers.joined().allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
        else { throw .protocolViolation }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The ids in a reply that is a list of ids.
    static func ids(of reply: RedisReply) throws(RedisError) -> [String] {
        guard case .array(let elements) = reply else { throw .protocolViolation }
        var ids: [String] = []
        for element in elements { ids.append(try id(of: element)) }
        return ids
    }
}
