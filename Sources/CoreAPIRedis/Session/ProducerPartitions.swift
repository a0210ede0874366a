/// The partitions of a queue: each has a session and a call of its own.
package struct ProducerPartitions: Sendable {
    package let count: Int
    /// The call of a partition's batches, with a session key that no other call has.
    let call: @Sendable (_ partition: Int) -> ProducerCall
    /// The slot of a Redis Cluster that has a partition's keys.
    let slot: @Sendable (_ partition: Int) -> HashSlot

    /// - Parameters:
    ///   - count: at least 1.
    ///   - call: of a partition, from 0 to `count - 1`. The scripts and the login's step of all
    ///     partitions are the same.
    ///   - slot: of a partition's keys.
    package init(
        count: Int, call: @escaping @Sendable (_ partition: Int) -> ProducerCall,
        slot: @escaping @Sendable (_ partition: Int) -> HashSlot
    ) {
        precondition(count >= 1, "ProducerPartitions.init: count is less than 1")
        self.count = count
        self.call = call
        self.slot = slot
    }
}
