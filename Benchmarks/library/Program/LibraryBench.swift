internal import Foundation
internal import Glibc

@testable internal import CoreAPIKit

/// Measures the library's parts, without HTTP and without a network: docs/performance.md.
///
///     bench-library [REDIS_URL]
///
/// Runs one round of each case and prints the figures as one line of JSON. `library.py` runs the
/// rounds.
@main
enum LibraryBench {
    static func main() async throws {
        let material = try Material()
        try material.check()
        var figures = synchronousFigures(material)
        for algorithm in TokenAlgorithm.allCases
        where algorithm != .hs256 && algorithm != .edDSA {
            figures.merge(try SignatureCase(algorithm).figures()) { $1 }
        }
        if CommandLine.arguments.count > 1 {
            figures.merge(try await enqueueFigures(CommandLine.arguments[1])) { $1 }
        }
        let json = try JSONSerialization.data(withJSONObject: figures, options: .sortedKeys)
        print(String(decoding: json, as: UTF8.self))
    }

    private static func synchronousFigures(_ material: Material) -> [String: Double] {
        [
            "verify": Measurement.nanoseconds { material.verify($0) },
            "mac_sha256_copied": Measurement.nanoseconds { material.mac($0, .sha256Copied) },
            "mac_evp_again": Measurement.nanoseconds { material.mac($0, .evpAgain) },
            "mac_evp_duplicated": Measurement.nanoseconds { material.mac($0, .evpDuplicated) },
            "json": Measurement.nanoseconds { material.readJSON($0) },
            "json_foundation": Measurement.nanoseconds { material.readJSONByFoundation($0) },
            "head": Measurement.nanoseconds { material.parseHead($0) },
        ]
    }

    // MARK: - Enqueueing

    /// Tasks of the embedder's executor; each has one transaction in flight.
    private static let tasks = 64
    private static let enqueuedByEachTask = 500

    private static func enqueueFigures(_ url: String) async throws -> [String: Double] {
        let stream = try await StreamTransactionQueue(url: url, key: "transactions")
        let rq = try await RQTransactionQueue(url: url, name: "default")
        let memory = try InMemoryTransactionQueue(capacity: tasks * enqueuedByEachTask * 2)
        var figures: [String: Double] = [:]
        for (name, queue) in [("stream", stream), ("rq", rq), ("memory", memory)]
            as [(String, any TransactionQueue)]
        {
            let one = try await enqueue(tasks: 1, to: queue)
            figures["enqueue_\(name)_alone_us"] = one.wallMicroseconds
            let many = try await enqueue(tasks: tasks, to: queue)
            figures["enqueue_\(name)_per_second"] = 1e6 / many.wallMicroseconds
            figures["enqueue_\(name)_cpu_us"] = many.cpuMicroseconds
        }
        stream.close()
        rq.close()
        return figures
    }

    /// Wall time and CPU time of the whole process for one transaction.
    private static func enqueue(
        tasks: Int, to queue: any TransactionQueue
    ) async throws -> (wallMicroseconds: Double, cpuMicroseconds: Double) {
        let wall = Measurement.clock(CLOCK_MONOTONIC)
        let cpu = Measurement.clock(CLOCK_PROCESS_CPUTIME_ID)
        try await withThrowingTaskGroup { group in
            for _ in 0..<tasks {
                group.addTask {
                    for _ in 0..<enqueuedByEachTask {
                        _ = try await queue.enqueue(Material.transaction(), idempotencyKey: nil)
                    }
                }
            }
            try await group.waitForAll()
        }
        let count = Double(tasks * enqueuedByEachTask)
        return (
            (Measurement.clock(CLOCK_MONOTONIC) - wall) / 1e3 / count,
            (Measurement.clock(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e3 / count
        )
    }
}
