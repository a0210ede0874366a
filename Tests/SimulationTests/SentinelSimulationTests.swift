import Testing

/// Thousands of short lives of a process's connections with sentinels, each from a seed.
@Suite struct SentinelSimulationTests {
    private func failure(seed: UInt64, breakage: SentinelBreakage? = nil) throws -> String? {
        let simulation = try SentinelSimulation(seed: seed, breakage: breakage)
        guard let rule = simulation.run() else { return nil }
        return "SIMULATION_SEED=\(seed): \(rule)\n"
            + simulation.transcript.suffix(80).joined(separator: "\n")
    }

    @Test(.timeLimit(.minutes(10)), arguments: SimulationSeeds.shards)
    func `every connection finds the master, and stays there`(shard: Int) throws {
        for seed in SimulationSeeds.seeds(ofShard: shard) {
            if let failure = try failure(seed: seed) {
                Issue.record("\(failure)")
                return
            }
        }
    }

    @Test(arguments: SentinelBreakage.allCases)
    func `a directory that is broken on purpose is found out`(breakage: SentinelBreakage) throws {
        for seed in SimulationSeeds.forBrokenMachines
        where try failure(seed: seed, breakage: breakage) != nil { return }
        Issue.record("\(breakage) has gone unnoticed")
    }
}
