import Testing

/// Thousands of short lives of a process's connections with sentinels, each from a seed.
@Suite struct SentinelSimulationTests {
    private func failure(seed: UInt64, breakage: SentinelBreakage? = nil) throws -> String? {
        try SimulationSeeds.failure(seed) { _ in
            try SentinelSimulation(seed: seed, breakage: breakage)
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: SimulationSeeds.shards)
    func `every connection finds the master, and stays there`(shard: Int) throws {
        try SimulationSeeds.expectNoFailure(inShard: shard) { try failure(seed: $0) }
    }

    @Test(arguments: SentinelBreakage.allCases)
    func `a directory that is broken on purpose is found out`(breakage: SentinelBreakage) throws {
        try SimulationSeeds.expectFailure(of: breakage) {
            try failure(seed: $0, breakage: breakage)
        }
    }
}
