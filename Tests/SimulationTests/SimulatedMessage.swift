@testable import CoreAPIRedis

/// A message that a simulation submits, for the script of the model of Redis.
protocol SimulatedMessage {
    var id: String { get }
    /// The key of its record; nil without one.
    var key: String? { get }
}

extension SimulatedMessage {
    var traits: ProducerTraits { ProducerTraits(isKeyed: key != nil) }

    /// Returns the number of keys.
    func addKey(to command: inout RedisCommand) -> Int {
        guard let key else { return 0 }
        command.word(key)
        return 1
    }

    /// Returns the number of words.
    func addWords(to command: inout RedisCommand) -> Int {
        command.word(id)
        command.word(key == nil ? "-" : "keyed")
        return 2
    }
}
