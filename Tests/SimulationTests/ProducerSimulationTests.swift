import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Thousands of short lives of a producer session, each from a seed: see docs/reliability.md.
@Suite struct ProducerSimulationTests {
    /// Nil, or the seed, the violated rule and the events before it.
    private func failure(seed: UInt64, breakage: ProducerBreakage? = nil) -> String? {
        guard let rule = ProducerSimulation(seed: seed, breakage: breakage).run() else {
            return nil
        }
        // The same once more, this time with words.
        let again = ProducerSimulation(seed: seed, breakage: breakage, isTold: true)
        #expect(again.run() == rule, "a seed says everything")
        let lines = again.transcript.suffix(SimulationSeeds.linesMax)
        return "SIMULATION_SEED=\(seed): \(rule)\n" + lines.joined(separator: "\n")
    }

    @Test(.timeLimit(.minutes(10)), arguments: SimulationSeeds.shards)
    func `a producer loses and doubles nothing, whatever Redis loses`(shard: Int) {
        for seed in SimulationSeeds.seeds(ofShard: shard) {
            if let failure = failure(seed: seed) {
                Issue.record("\(failure)")
                return
            }
        }
    }

    @Test(arguments: ProducerBreakage.allCases)
    func `a producer or script that is broken on purpose is found out`(breakage: ProducerBreakage) {
        for seed in SimulationSeeds.forBrokenMachines
        where failure(seed: seed, breakage: breakage) != nil { return }
        Issue.record("\(breakage) has gone unnoticed")
    }

    @Test func `a producer's seed replays exactly`() {
        for seed in UInt64(0)..<40 {
            let first = ProducerSimulation(seed: seed, isTold: true)
            let second = ProducerSimulation(seed: seed, isTold: true)
            #expect(first.run() == second.run())
            #expect(first.transcript == second.transcript)
            #expect(first.transcript.count > 20)
        }
    }
}
