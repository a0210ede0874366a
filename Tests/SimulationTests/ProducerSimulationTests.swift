import Testing

@testable import CoreAPIRedis

/// Thousands of short lives of a producer session, each from a seed: see docs/reliability.md.
@Suite struct ProducerSimulationTests {
    private typealias Simulation = ProducerSimulation<ProducerStateMachine<Int>>
    private typealias PartitionedSimulation = ProducerSimulation<PartitionedProducerMachine<Int>>

    private func failure(seed: UInt64, breakage: ProducerBreakage? = nil) throws -> String? {
        try SimulationSeeds.failure(seed) { isTold in
            try Simulation(seed: seed, breakage: breakage, isTold: isTold)
        }
    }

    private func partitionedFailure(
        seed: UInt64, breakage: ProducerBreakage? = nil
    ) throws -> String? {
        try SimulationSeeds.failure(seed) { isTold in
            try PartitionedSimulation(seed: seed, breakage: breakage, isTold: isTold)
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: SimulationSeeds.shards)
    func `sessions of partitions lose and double nothing over one connection`(shard: Int) throws {
        try SimulationSeeds.expectNoFailure(inShard: shard) { try partitionedFailure(seed: $0) }
    }

    @Test(arguments: ProducerBreakage.allCases)
    func `sessions of partitions that are broken on purpose are found out`(
        breakage: ProducerBreakage
    ) throws {
        try SimulationSeeds.expectFailure(of: breakage) {
            try partitionedFailure(seed: $0, breakage: breakage)
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: SimulationSeeds.shards)
    func `a producer loses and doubles nothing, whatever Redis loses`(shard: Int) throws {
        try SimulationSeeds.expectNoFailure(inShard: shard) { try failure(seed: $0) }
    }

    @Test(arguments: ProducerBreakage.allCases)
    func `a producer or script that is broken on purpose is found out`(
        breakage: ProducerBreakage
    ) throws {
        try SimulationSeeds.expectFailure(of: breakage) {
            try failure(seed: $0, breakage: breakage)
        }
    }

    @Test func `a producer's seed replays exactly`() throws {
        for seed in UInt64(0)..<40 {
            let first = try Simulation(seed: seed, isTold: true)
            let second = try Simulation(seed: seed, isTold: true)
            #expect(first.run() == second.run())
            #expect(first.transcript == second.transcript)
            #expect(first.transcript.count > 20)
        }
    }
}
