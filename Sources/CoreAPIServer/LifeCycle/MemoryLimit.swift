internal import CoreAPIHTTP

/// The memory that the process may use, and its division among connections and buffers.
enum MemoryLimit {
    /// The limit if neither the system nor a cgroup names one.
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

    /// The smallest of the machine's memory and the limits of the process's cgroup and its
    /// ancestors, version 2 (`memory.max`) or 1 (`memory.limit_in_bytes`).
    ///
    /// - Parameters:
    ///   - machineBytes: the machine's memory; 0 or less if it is unknown.
    ///   - read: returns the text of a file; nil if the file cannot be read.
    static func bytes(machineBytes: Int, read: (String) -> String?) -> Int {
        let limits = cgroupFiles(read).compactMap { read($0).flatMap { number($0[...]) } }
        return ([machineBytes] + limits).filter { $0 > 0 }.min() ?? unknownBytes
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
