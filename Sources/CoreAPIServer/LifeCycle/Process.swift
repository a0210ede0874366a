internal import CoreAPIBase
internal import CoreAPIKit
internal import Glibc

/// What this program asks of its process: environment, standard streams, signals, exit. With its
/// extensions, and beside `ServiceManager`, the only part of the server that calls the C library.
enum Process {
    /// Exit statuses, as <sysexits.h> names them.
    enum Status: Int32 {
        case ok = 0
        case failure = 1
        /// The command line is wrong.
        case usage = 64
        /// The configuration is wrong.
        case configuration = 78
    }

    static func environment(_ variable: String) -> [UInt8]? {
        guard let value = unsafe getenv(variable) else { return nil }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: value, count: strlen(value)))
    }

    static var identifier: Int32 { getpid() }

    /// How many cores are online; at least 1.
    static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Raises the limit of open files as far as this process may: to the hard limit, and not above
    /// the maximum that is given.
    ///
    /// - Returns: the limit from now on.
    static func raiseOpenFilesLimit(to max: Int) -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return 0
        }
        let raised = min(limit.rlim_max, rlim_t(max))
        if limit.rlim_cur < raised {
            var wanted = limit
            wanted.rlim_cur = raised
            // It may be forbidden: then the limit is what it was.
            if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted) == 0 {
                limit = wanted
            }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// The first bytes of a regular file, so many at most; nil if it is none.
    static func readFile(_ path: String, bytesMax: Int) throws(SystemError) -> [UInt8]? {
        // Opening a pipe must not wait for who writes into it.
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

    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    static func exit(_ status: Status) -> Never { Glibc.exit(status.rawValue) }

    // MARK: - Standard streams

    static func print(_ text: String) { write(Array(text.utf8), to: STDOUT_FILENO) }

    static func writeError(_ bytes: [UInt8]) { write(bytes, to: STDERR_FILENO) }

    /// Writes it all; what a closed stream does not take is lost.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var position = 0
        while position < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[position...])
                return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            }
            if count < 0, errno != EINTR { return }
            position += max(0, count)
        }
    }

    // MARK: - Signals

    /// What the process is told by a signal.
    enum Notice {
        /// `SIGTERM` or `SIGINT`.
        case end
        /// `SIGHUP`.
        case reload
    }

    /// Keeps the signals for `waitForNotice`; to be called before threads start.
    static func holdSignals() {
        var signals = heldSignals()
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        // Writing to a connection or pipe that is gone is an error, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Waits for a signal; nil if none came before the deadline.
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
