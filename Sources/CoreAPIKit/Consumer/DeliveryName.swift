internal import CoreAPIRedis

/// Which delivery of which entry: an entry that was delivered again is not the earlier consumer's
/// any more, even if it is the same one.
struct DeliveryName: Hashable {
    /// The entry's id.
    let id: String
    /// 1 for the first delivery; whatever somebody has set the count to.
    let attempt: Int

    /// As the scripts have it: `1636027031123-0 2`.
    var text: String { "\(id) \(attempt)" }
}

extension DeliveryName {
    /// The id of an entry in a reply: two numbers of up to 20 digits, and a hyphen between them.
    /// Another text would end a word of the scripts where it does not end.
    static func id(of reply: RedisReply) throws(RedisError) -> String {
        guard case .bulk(let bytes) = reply else { throw .protocolViolation }
        let numbers = bytes.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard numbers.count == 2, numbers.allSatisfy({ 1...20 ~= $0.count }),
            numbers.joined().allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
        else { throw .protocolViolation }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The ids in a reply that is a list of them.
    static func ids(of reply: RedisReply) throws(RedisError) -> [String] {
        guard case .array(let elements) = reply else { throw .protocolViolation }
        var ids: [String] = []
        for element in elements { ids.append(try id(of: element)) }
        return ids
    }
}
