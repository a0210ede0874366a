internal import Glibc

extension Process {
    /// The memory that this process may use, in bytes: the machine's, or the cgroup's limit if
    /// that is lower.
    static var memoryBytes: Int {
        MemoryLimit.bytes(machineBytes: machineBytes) { path in
            guard let bytes = try? readFile(path, bytesMax: 64 * 1024) else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// By sysinfo(2), since the service's unit hides /proc/meminfo; 0 if it is unknown.
    private static var machineBytes: Int {
        let pages = max(0, sysconf(Int32(_SC_PHYS_PAGES)))
        let (bytes, overflows) = pages.multipliedReportingOverflow(by: sysconf(Int32(_SC_PAGESIZE)))
        return overflows ? 0 : bytes
    }
}
