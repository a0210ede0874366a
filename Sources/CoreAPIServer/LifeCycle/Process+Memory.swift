extension Process {
    /// The memory that this process may use, in bytes: the machine's, or the cgroup's limit if
    /// that is lower.
    static var memoryBytes: Int {
        MemoryLimit.bytes { path in
            guard let bytes = try? readFile(path, bytesMax: 64 * 1024) else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
