import Foundation
import Testing

@testable import CoreAPIRedis

/// Which seeds a run of the tests simulates.
///
/// `SIMULATION_SEEDS` is how many, `SIMULATION_SEED` one to repeat.
enum SimulationSeeds {
    /// As many as a run of every test has time for.
    private static let countDefault = 2_000
    /// The parts that run beside each other.
    static let shards = Array(0..<4)

    private static let count = variable("SIMULATION_SEEDS") ?? countDefault
    private static let only = variable("SIMULATION_SEED")

    /// How much of a transcript is shown: the end, or, of a seed that is repeated, all.
    private static let linesMax = only == nil ? 80 : Int.max

    static func seeds(ofShard shard: Int) -> [UInt64] {
        if let only { return shard == 0 ? [UInt64(only)] : [] }
        return stride(from: shard, to: count, by: shards.count).map { UInt64($0) }
    }

    /// The seeds in which a machine that is broken on purpose must be found out.
    static let forBrokenMachines = (0..<UInt64(countDefault))

    /// Runs a simulation: nil, or the seed, the rule that was broken, and what happened before.
    static func failure<Machine: RedisConnectionMachine, Server>(
        _ seed: UInt64,
        _ simulation: (_ isTold: Bool) throws -> ConnectionSimulation<Machine, Server>
    ) rethrows -> String? {
        guard let rule = try simulation(false).run() else { return nil }
        // The same once more, this time with words.
        let again = try simulation(true)
        #expect(again.run() == rule, "a seed says everything")
        return "SIMULATION_SEED=\(seed): \(rule)\n"
            + again.transcript.suffix(linesMax).joined(separator: "\n")
    }

    private static func variable(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }
}
