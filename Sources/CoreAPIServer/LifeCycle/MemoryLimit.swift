internal import CoreAPIHTTP

/// How much memory the process may use, and how that is divided.
enum MemoryLimit {
    /// Where neither the machine nor a cgroup says.
    static let unknownBytes = 1 << 30
    /// A quarter is for connections, an eighth for their large buffers.
    static let connectionsShare = 4
    static let buffersShare = 8
    static let buffersBytesBounds = (4 << 20)...(256 << 20)

    /// How many connections of callers a quarter of the memory holds.
    static func connectionsMax(memoryBytes: Int) -> Int {
        max(1, memoryBytes / connectionsShare / ConnectionMemory.connectionBytes)
    }

    /// The most that the buffers of all connections may hold together, beside what each has of its
    /// own.
    static func buffersMax(memoryBytes: Int) -> Int {
        let bytes = memoryBytes / buffersShare
        return min(max(bytes, buffersBytesBounds.lowerBound), buffersBytesBounds.upperBound)
    }

    /// The least of what the machine has (proc_meminfo(5)) and what the process's cgroup and those
    /// above it allow, of version 2 (`memory.max`) or 1 (`memory.limit_in_bytes`).
    ///
    /// - Parameter read: the text of a file; nil if it cannot be read.
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

    /// A line of proc_pid_cgroup(5) is `ID:CONTROLLERS:PATH`. In a container, the path may be that
    /// of the host, of which the mount shows the end alone: the mount's own folder counts as well.
    private static func cgroupFiles(_ read: (String) -> String?) -> [String] {
        var files: [String] = []
        for line in read("/proc/self/cgroup")?.split(separator: "\n") ?? [] {
            let parts = line.split(
                separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let place: (folder: String, file: String)
            if parts[1].isEmpty {
                place = ("/sys/fs/cgroup", "memory.max")
            } else if parts[1].split(separator: ",").contains("memory") {
                place = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            } else {
                continue
            }
            var folder = place.folder
            files.append("\(folder)/\(place.file)")
            for name in parts[2].split(separator: "/") {
                folder += "/\(name)"
                files.append("\(folder)/\(place.file)")
            }
        }
        return files
    }

    /// The digits after white space; nil for a word such as `max`.
    private static func number(_ text: Substring) -> Int? {
        Int(text.drop { $0 == " " || $0 == "\t" }.prefix { ("0"..."9").contains($0) })
    }
}
