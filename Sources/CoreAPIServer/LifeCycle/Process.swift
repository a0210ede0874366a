internal import CoreAPIBase
internal import CoreAPIKit
internal import Glibc

/// System calls of the process: environment, standard streams, signals, exit. Only `Process`, its
/// extensions and `ServiceManager` call the C library in this target.
enum Process {
    /// Exit statuses of <sysexits.h>.
    enum Status: Int32 {
        case ok = 0
        case failure = 1
        /// The command line is wrong.
        case usage = 64
        /// Redis does not answer.
        case unavailable = 69
        /// The output cannot be written.
        case output = 74
        /// The configuration is wrong.
        case configuration = 78
    }

    static func environment(_ variable: String) -> [UInt8]? {
        guard let value = unsafe getenv(variable) else { return nil }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: value, count: strlen(value)))
    }

    static var identifier: Int32 { getpid() }

    /// The number of online cores; at least 1.
    static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Raises the soft limit of open files to the hard limit or `max`, whichever is lower.
    ///
    /// - Returns: the new soft limit.
    static func raiseOpenFilesLimit(to max: Int) -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return 0
        }
        let raised = min(limit.rlim_max, rlim_t(max))
        if limit.rlim_cur < raised {
            var wanted = limit
            wanted.rlim_cur = raised
            // If setrlimit is forbidden, the old limit stays.
            if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted) == 0 {
                limit = wanted
            }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// The first `bytesMax` bytes of a regular file; nil if the path is not a regular file.
    static func readFile(_ path: String, bytesMax: Int) throws(SystemError) -> [UInt8]? {
        // O_NONBLOCK: opening a pipe must not wait for a writer.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw SystemError(code: errno, call: "open") }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw SystemError(code: errno, call: "fstat")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        var count = 0
        while count < bytesMax {
            let more = unsafe bytes.withUnsafeMutableBytes { buffer in
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                return unsafe read(descriptor, rest.baseAddress, rest.count)
            }
            if more == 0 { break }
            guard more > 0 || errno == EINTR else {
                throw SystemError(code: errno, call: "read")
            }
            count += max(0, more)
        }
        return Array(bytes[..<count])
    }

    /// Whether the path names no readable regular file, or none yet.
    static func isAway(_ path: String) -> Bool {
        do { return try readFile(path, bytesMax: 1) == nil } catch { return true }
    }

    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    static func exit(_ status: Status) -> Never { Glibc.exit(status.rawValue) }

    // MARK: - Standard streams

    /// Writes a command's output. Ends the process if it cannot be written: without a word if its
    /// reader has gone, as `head` does.
    static func print(_ text: String) {
        do { try write(Array(text.utf8), to: STDOUT_FILENO) } catch {
            if error.code != EPIPE {
                complain("the output cannot be written: \(error)")
            }
            exit(.output)
        }
    }

    /// Writes a command's message to standard error.
    static func complain(_ text: String) { writeError(Array("core-api: \(text)\n".utf8)) }

    /// Writes to standard error. Bytes that a closed stream does not accept are lost.
    static func writeError(_ bytes: [UInt8]) { try? write(bytes, to: STDERR_FILENO) }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) throws(SystemError) {
        var position = 0
        while position < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[position...])
                return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            }
            if count < 0, errno != EINTR { throw SystemError(code: errno, call: "write") }
            position += max(0, count)
        }
    }

    // MARK: - Signals

    /// The meaning of a received signal.
    enum Notice {
        /// `SIGTERM` or `SIGINT`.
        case end
        /// `SIGHUP`.
        case reload
    }

    /// Blocks the signals so that `waitForNotice` receives them. Call it before threads start.
    static func holdSignals() {
        var signals = heldSignals()
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        // Ignore SIGPIPE: a write to a closed connection or pipe returns EPIPE instead.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Waits for a signal; nil if the deadline passes first.
    static func waitForNotice(before deadline: MonotonicTime) -> Notice? {
        var signals = heldSignals()
        var signal: Int32 = 0
        if deadline == .never {
            while unsafe sigwait(&signals, &signal) != 0 {}
        } else {
            let milliseconds = deadline.milliseconds(since: .now())
            var timeout = timespec(
                tv_sec: milliseconds / 1_000, tv_nsec: milliseconds % 1_000 * 1_000_000)
            signal = unsafe sigtimedwait(&signals, nil, &timeout)
        }
        switch signal {
        case SIGTERM, SIGINT: return .end
        case SIGHUP: return .reload
        default: return nil
        }
    }

    private static func heldSignals() -> sigset_t {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGTERM)
        unsafe sigaddset(&signals, SIGINT)
        unsafe sigaddset(&signals, SIGHUP)
        return signals
    }
}
