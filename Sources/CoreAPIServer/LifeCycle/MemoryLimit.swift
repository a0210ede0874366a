internal import CoreAPIHTTP

/// The memory that the process may use, and its division among connections and buffers.
enum MemoryLimit {
    /// The limit if neither /proc/meminfo nor a cgroup names one.
    static let unknownBytes = 1 << 30
    /// Connections get a quarter of the memory, their large buffers an eighth.
    static let connectionsShare = 4
    static let buffersShare = 8
    static let buffersBytesBounds = (4 << 20)...(256 << 20)

    /// Maximum number of callers' connections that fit into a quarter of the memory.
    static func connectionsMax(memoryBytes: Int) -> Int {
        max(1, memoryBytes / connectionsShare / ConnectionMemory.connectionBytes)
    }

    /// Maximum size of the buffers of all connections together, in bytes, beyond each connection's
    /// own small buffer.
    static func buffersMax(memoryBytes: Int) -> Int {
        let bytes = memoryBytes / buffersShare
        return min(max(bytes, buffersBytesBounds.lowerBound), buffersBytesBounds.upperBound)
    }

    /// The smallest of the machine's memory (proc_meminfo(5)) and the limits of the process's
    /// cgroup and its ancestors, version 2 (`memory.max`) or 1 (`memory.limit_in_bytes`).
    ///
    /// - Parameter read: returns the text of a file; nil if the file cannot be read.
    static func bytes(read: (String) -> String?) -> Int {
        let all =
            [machineBytes(read)]
            + cgroupFiles(read).map { path in
                read(path).flatMap { number($0[...]) }
            }
        return all.compactMap { $0 }.filter { $0 > 0 }.min() ?? unknownBytes
    }

    private static func machineBytes(_ read: (String) -> String?) -> Int? {
        let lines = read("/proc/meminfo")?.split(separator: "\n") ?? []
        guard let line = lines.first(where: { $0.hasPrefix("MemTotal:") }),
            let kibibytes = number(line.dropFirst("MemTotal:".count))
        else { return nil }
        let (bytes, overflows) = kibibytes.multipliedReportingOverflow(by: 1_024)
        return overflows ? nil : bytes
    }

    /// The limit files of the process's cgroups. A line of proc_pid_cgroup(5) is
    /// `ID:CONTROLLERS:PATH`. In a container PATH may be the host's path, of which the mount shows
    /// only the last part, so the root of the mount is read too.
    private static func cgroupFiles(_ read: (String) -> String?) -> [String] {
        var files: [String] = []
        for line in read("/proc/self/cgroup")?.split(separator: "\n") ?? [] {
            let parts = line.split(
                separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let limit: (folder: String, file: String)
            if parts[1].isEmpty {
                limit = ("/sys/fs/cgroup", "memory.max")
            } else if parts[1].split(separator: ",").contains("memory") {
                limit = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            } else {
                continue
            }
            var folder = limit.folder
            files.append("\(folder)/\(limit.file)")
            for name in parts[2].split(separator: "/") {
                folder += "/\(name)"
                files.append("\(folder)/\(limit.file)")
            }
        }
        return files
    }

    /// The number after leading white space; nil for a word such as `max`.
    private static func number(_ text: Substring) -> Int? {
        Int(text.drop { $0 == " " || $0 == "\t" }.prefix { ("0"..."9").contains($0) })
    }
}
