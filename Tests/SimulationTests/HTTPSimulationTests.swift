import Testing

/// Thousands of short lives of a caller's connection, each from a seed: see docs/reliability.md.
@Suite struct HTTPSimulationTests {
    /// Nil, or the seed, the violated rule, and the bytes and events.
    private func failure(seed: UInt64, breakage: HTTPBreakage? = nil) -> String? {
        var simulation = HTTPSimulation(seed: seed, breakage: breakage)
        guard
            let rule = simulation.run() ?? simulation.unexpected()
                ?? simulation.differsFromWhole()
        else { return nil }
        let sent = simulation.requests.map {
            "sent: \(String(decoding: $0.bytes, as: UTF8.self).debugDescription)"
        }
        return "SIMULATION_SEED=\(seed): \(rule)\n"
            + (sent + simulation.lines.map(\.debugDescription)).joined(separator: "\n")
    }

    @Test(.timeLimit(.minutes(10)), arguments: SimulationSeeds.shards)
    func `each request is answered once, in order, however its bytes arrive`(shard: Int) {
        SimulationSeeds.expectNoFailure(inShard: shard) { failure(seed: $0) }
    }

    @Test(arguments: HTTPBreakage.allCases)
    func `a connection that is broken on purpose is found out`(breakage: HTTPBreakage) {
        SimulationSeeds.expectFailure(of: breakage) {
            failure(seed: $0, breakage: breakage)
        }
    }
}
