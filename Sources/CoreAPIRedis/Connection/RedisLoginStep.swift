/// A command that each login of a connection ends with, whose reply decides whether the connection
/// is used.
package struct RedisLoginStep: Sendable {
    /// Is loaded before the command.
    package let script: RedisScript
    package let command: RedisCommand
    /// The slot of a Redis Cluster that has the command's keys.
    package let slot: HashSlot
    let reply: RedisReply
    /// Why the connection is not used, after any other reply that is not an error.
    let failure: @Sendable (RedisReply) -> RedisError

    /// - Parameters:
    ///   - script: is loaded before the command.
    ///   - command: has one reply.
    ///   - key: one of the command's keys, which lie in one slot.
    ///   - reply: the one with which the connection is used.
    ///   - failure: why it is not, after any other reply that is not an error.
    package init(
        script: RedisScript, command: RedisCommand, key: String, reply: RedisReply,
        failure: @escaping @Sendable (RedisReply) -> RedisError
    ) {
        precondition(
            command.replyCount == 1, "RedisLoginStep.init: the command does not have one reply")
        self.script = script
        self.command = command
        slot = HashSlot(ofKey: key.utf8)
        self.reply = reply
        self.failure = failure
    }

    /// The failure after a reply to the command.
    ///
    /// - Returns: nil if the connection is used.
    package func failure(after reply: RedisReply) -> RedisError? {
        if case .error(let error) = reply { return .server(error) }
        return reply == self.reply ? nil : failure(reply)
    }
}
