/// A reply of Redis (RESP 2).
package enum RedisReply: Equatable, Sendable {
    /// A simple string: `OK`, `QUEUED`, `PONG`.
    case status([UInt8])
    case integer(Int64)
    case bulk([UInt8])
    case null
    case array([RedisReply])
    case error(RedisServerError)
}
