internal import Glibc

extension Process {
    /// The current resource usage. The call reads `/proc` and may be slow with many open files.
    static func usage() -> ProcessUsage {
        let pages = numbers(in: "/proc/self/statm")
        let pageBytes = UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
        var limit = rlimit()
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return ProcessUsage(
            cpuNanoseconds: cpuNanoseconds(),
            residentMemoryBytes: pages.count > 1 ? pages[1] * pageBytes : 0,
            virtualMemoryBytes: pages.count > 0 ? pages[0] * pageBytes : 0,
            openFiles: openFiles(), openFilesMax: UInt64(limit.rlim_cur))
    }

    private static func cpuNanoseconds() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The number of open files: the folder's size since Linux 6.2 (proc_pid_fd(5)), before that
    /// the number of its entries.
    private static func openFiles() -> UInt64 {
        var status = stat()
        if unsafe stat("/proc/self/fd", &status) == 0, status.st_size > 0 {
            return UInt64(status.st_size)
        }
        return countOpenFiles()
    }

    /// Counts the entries of /proc/self/fd.
    static func countOpenFiles() -> UInt64 {
        guard let folder = unsafe opendir("/proc/self/fd") else { return 0 }
        defer { unsafe closedir(folder) }
        var count: UInt64 = 0
        while unsafe readdir(folder) != nil { count += 1 }
        // Subtract `.`, `..` and the descriptor of the folder itself.
        return count > 3 ? count - 3 : 0
    }

    /// The leading numbers of a small file, separated by spaces.
    private static func numbers(in path: String) -> [UInt64] {
        let bytes = (try? readFile(path, bytesMax: 256)) ?? []
        let text = String(decoding: bytes, as: UTF8.self)
        return text.split { $0 == " " || $0 == "\n" }.map { UInt64($0) ?? 0 }
    }
}
