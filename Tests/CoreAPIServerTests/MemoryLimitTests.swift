import Testing

@testable import CoreAPIServer

@Suite struct MemoryLimitTests {
    private static let machineBytes = 24_683_580 * 1_024

    private func bytes(_ files: [String: String], machineBytes: Int = machineBytes) -> Int {
        MemoryLimit.bytes(machineBytes: machineBytes) { files[$0] }
    }

    @Test func `without a cgroup the limit is the machine's memory, and 1 GiB if that is unknown`()
    {
        #expect(bytes([:]) == MemoryLimitTests.machineBytes)
        #expect(bytes([:], machineBytes: 0) == 1 << 30)
    }

    @Test(
        arguments: [
            // Version 2: in a container, of a service, and a limit further up.
            ("0::/\n", ["/sys/fs/cgroup/memory.max": "536870912\n"], 536_870_912),
            ("0::/a/b\n", ["/sys/fs/cgroup/a/b/memory.max": "1048576\n"], 1_048_576),
            (
                "0::/a/b\n",
                [
                    "/sys/fs/cgroup/a/b/memory.max": "max\n",
                    "/sys/fs/cgroup/a/memory.max": "4096000\n",
                ], 4_096_000
            ),
            ("0::/a\n", ["/sys/fs/cgroup/a/memory.max": "max\n"], machineBytes),
            ("0::/a\n", ["/sys/fs/cgroup/a/memory.max": "99999999999999\n"], machineBytes),
            // Version 1, beside an empty version 2; with the path of the host, and without a limit.
            (
                "4:memory:/docker/1\n1:cpu,cpuacct:/\n0::/\n",
                ["/sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n"], 268_435_456
            ),
            (
                "5:hugetlb,memory:/a\n",
                [
                    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                    "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "268435456\n",
                ], 268_435_456
            ),
            (
                "4:memory:/\n",
                ["/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"],
                machineBytes
            ),
            // Nothing that can be read.
            ("nothing\n4:memory\n", [:], machineBytes), ("0::/a\n", [:], machineBytes),
            ("0::/a\n", ["/sys/fs/cgroup/a/memory.max": "\n"], machineBytes),
        ] as [(String, [String: String], Int)])
    func `the least of the cgroups and the machine counts`(
        cgroup: String, files: [String: String], expected: Int
    ) {
        #expect(bytes(files.merging(["/proc/self/cgroup": cgroup]) { $1 }) == expected)
    }

    @Test func `connections have a quarter of the memory, their large buffers an eighth in bounds`()
    {
        for (megabytes, connections, buffers) in [
            (0, 1, 4), (16, 341, 4), (64, 1_365, 8), (512, 10_922, 64), (2_048, 43_690, 256),
            (65_536, 1_398_101, 256),
        ] {
            let bytes = megabytes << 20
            #expect(MemoryLimit.connectionsMax(memoryBytes: bytes) == connections)
            #expect(MemoryLimit.buffersMax(memoryBytes: bytes) == buffers << 20)
        }
    }

    @Test func `without MAX_CONNECTIONS the memory bounds them, and with it does not`() throws {
        func connectionsMax(_ given: String?, _ megabytes: Int) throws -> Int {
            let environment = ["JWT_SECRET": "a", "MAX_CONNECTIONS": given].compactMapValues { $0 }
            return try Configuration(
                environment: { environment[$0].map { Array($0.utf8) } }, cores: 1,
                openFilesMax: 1_048_576, memoryBytes: megabytes << 20
            ).connectionsMax
        }
        #expect(try connectionsMax(nil, 512) == 10_922)
        #expect(try connectionsMax(nil, 65_536) == 65_536)
        #expect(try connectionsMax("20000", 512) == 20_000)
    }
}
