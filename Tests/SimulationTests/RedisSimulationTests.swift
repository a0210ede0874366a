import Testing

/// Thousands of short lives of a connection to Redis, each from a seed: see docs/reliability.md.
@Suite struct RedisSimulationTests {
    /// Nil, or the seed, the violated rule and the events before it.
    private func failure(seed: UInt64, breakage: Breakage? = nil) throws -> String? {
        guard let rule = try RedisSimulation(seed: seed, breakage: breakage).run() else {
            return nil
        }
        // The same once more, this time with words.
        let again = try RedisSimulation(seed: seed, breakage: breakage, isTold: true)
        #expect(again.run() == rule, "a seed says everything")
        let lines = again.transcript.suffix(SimulationSeeds.linesMax)
        return "SIMULATION_SEED=\(seed): \(rule)\n" + lines.joined(separator: "\n")
    }

    @Test(.timeLimit(.minutes(10)), arguments: SimulationSeeds.shards)
    func `no transaction is lost or doubled, and every outcome is true`(shard: Int) throws {
        for seed in SimulationSeeds.seeds(ofShard: shard) {
            if let failure = try failure(seed: seed) {
                Issue.record("\(failure)")
                return
            }
        }
    }

    @Test(arguments: Breakage.allCases)
    func `a machine or script that is broken on purpose is found out`(breakage: Breakage) throws {
        for seed in SimulationSeeds.forBrokenMachines
        where try failure(seed: seed, breakage: breakage) != nil { return }
        Issue.record("\(breakage) has gone unnoticed")
    }

    @Test func `a seed replays exactly`() throws {
        for seed in UInt64(0)..<40 {
            let (first, second) = (
                try RedisSimulation(seed: seed, isTold: true),
                try RedisSimulation(seed: seed, isTold: true)
            )
            #expect(first.run() == second.run())
            #expect(first.transcript == second.transcript)
            #expect(first.transcript.count > 20)
        }
    }
}
