import Testing

/// Thousands of short lives of a connection to Redis, each from a seed: see docs/reliability.md.
@Suite struct RedisSimulationTests {
    private func failure(seed: UInt64, breakage: RedisBreakage? = nil) throws -> String? {
        try SimulationSeeds.failure(seed) { isTold in
            try RedisSimulation(seed: seed, breakage: breakage, isTold: isTold)
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: SimulationSeeds.shards)
    func `a command is answered once and in time, and nobody is told what is not so`(
        shard: Int
    ) throws {
        try SimulationSeeds.expectNoFailure(inShard: shard) { try failure(seed: $0) }
    }

    @Test(arguments: RedisBreakage.allCases)
    func `a machine that is broken on purpose is found out`(breakage: RedisBreakage) throws {
        try SimulationSeeds.expectFailure(of: breakage) {
            try failure(seed: $0, breakage: breakage)
        }
    }

    @Test func `a seed replays exactly`() throws {
        for seed in UInt64(0)..<40 {
            let (first, second) = (
                try RedisSimulation(seed: seed, isTold: true),
                try RedisSimulation(seed: seed, isTold: true)
            )
            #expect(first.run() == second.run())
            #expect(first.transcript == second.transcript)
            #expect(first.transcript.count > 10)
        }
    }
}
