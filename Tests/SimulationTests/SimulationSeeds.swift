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

    private static func seeds(ofShard shard: Int) -> [UInt64] {
        if let only { return shard == 0 ? [UInt64(only)] : [] }
        return stride(from: shard, to: count, by: shards.count).map { UInt64($0) }
    }

    /// The seeds in which a machine that is broken on purpose must be found out.
    private static let forBrokenMachines = (0..<UInt64(countDefault))

    /// Runs a simulation: nil, or the seed, the rule that was broken, and what happened before.
    static func failure(
        _ seed: UInt64, _ simulation: (_ isTold: Bool) throws -> some SeededSimulation
    ) rethrows -> String? {
        guard let rule = try simulation(false).run() else { return nil }
        // The same once more, this time with words.
        let again = try simulation(true)
        #expect(again.run() == rule, "a seed says everything")
        return "SIMULATION_SEED=\(seed): \(rule)\n"
            + again.transcript.suffix(linesMax).joined(separator: "\n")
    }

    /// Records the first failure among the seeds of a shard.
    ///
    /// - Parameter share: one in so many seeds is run, of a simulation that takes longer.
    static func expectNoFailure(
        inShard shard: Int, share: Int = 1, _ failure: (_ seed: UInt64) throws -> String?,
        sourceLocation: SourceLocation = #_sourceLocation
    ) rethrows {
        for seed in seeds(ofShard: shard).prefix(max(1, count / shards.count / share)) {
            guard let failure = try failure(seed) else { continue }
            Issue.record("\(failure)", sourceLocation: sourceLocation)
            return
        }
    }

    /// Records that what is broken on purpose fails with no seed.
    static func expectFailure(
        of breakage: some Any, _ failure: (_ seed: UInt64) throws -> String?,
        sourceLocation: SourceLocation = #_sourceLocation
    ) rethrows {
        for seed in forBrokenMachines where try failure(seed) != nil { return }
        Issue.record("\(breakage) has gone unnoticed", sourceLocation: sourceLocation)
    }

    private static func variable(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }
}

/// A simulation whose course follows from its seed.
protocol SeededSimulation {
    /// Runs it to its end: nil, or the rule that was broken.
    func run() -> String?
    /// What has happened, if it was told.
    var transcript: [String] { get }
}

extension ConnectionSimulation: SeededSimulation {}
extension SentinelSimulation: SeededSimulation {}
