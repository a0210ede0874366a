import Testing

@testable import CoreAPIRedis

/// Thousands of short lives of a cluster's producer, each from a seed: see docs/reliability.md.
@Suite struct ClusterSimulationTests {
    private func failure(seed: UInt64, breakage: ClusterBreakage? = nil) throws -> String? {
        try SimulationSeeds.failure(seed) { isTold in
            try ClusterSimulation(seed: seed, breakage: breakage, isTold: isTold)
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: SimulationSeeds.shards)
    func `a producer of a cluster loses and doubles nothing, wherever slots move`(
        shard: Int
    ) throws {
        try SimulationSeeds.expectNoFailure(inShard: shard, share: 10) { try failure(seed: $0) }
    }

    @Test(arguments: ClusterBreakage.allCases)
    func `a producer or node that is broken on purpose is found out`(
        breakage: ClusterBreakage
    ) throws {
        try SimulationSeeds.expectFailure(of: breakage) {
            try failure(seed: $0, breakage: breakage)
        }
    }

    @Test func `a seed of a cluster replays exactly`() throws {
        for seed in UInt64(0)..<20 {
            let first = try ClusterSimulation(seed: seed, isTold: true)
            let second = try ClusterSimulation(seed: seed, isTold: true)
            #expect(first.run() == second.run())
            #expect(first.transcript == second.transcript)
        }
    }
}
