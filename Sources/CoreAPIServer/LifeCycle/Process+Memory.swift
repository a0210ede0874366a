extension Process {
    /// How much memory this process may use: the machine's, or less if its cgroup has less.
    static var memoryBytes: Int {
        MemoryLimit.bytes { path in
            guard let bytes = try? readFile(path, bytesMax: 64 * 1024) else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
