internal import CEpoll
internal import Glibc
internal import Synchronization

/// A program that a test starts. It ends with this object at the latest.
///
/// Foundation's `Process` lists the open files of the test, and reads beyond the end of the list
/// once there are some 1,300 of them.
public final class ChildProcess: Sendable {
    public let identifier: Int32
    /// The status of waitpid(2), once the process has ended.
    private let ended = Mutex<Int32?>(nil)

    /// Starts a program with every signal as by default, and without the test's open files.
    ///
    /// - Parameters:
    ///   - words: the program, absolute or to be found in `PATH`, and its arguments.
    ///   - environment: all of its variables.
    ///   - output: the files of standard output and standard error.
    public init(
        _ words: [String], environment: [String: String],
        output: (standard: String, error: String) = ("/dev/null", "/dev/null")
    ) throws(StartError) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for (descriptor, path) in [(1, output.standard), (2, output.error)] as [(Int32, String)] {
            let flags = O_WRONLY | O_CREAT | O_APPEND
            unsafe posix_spawn_file_actions_addopen(&actions, descriptor, path, flags, 0o600)
        }
        unsafe posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // A thread of libdispatch, which may be the one that starts it, has its signals blocked.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))

        let arguments = unsafe words.map { unsafe strdup($0) } + [nil]
        let variables = unsafe environment.map { unsafe strdup("\($0)=\($1)") } + [nil]
        defer {
            unsafe (arguments + variables).forEach { unsafe free($0) }
        }
        var identifier: pid_t = 0
        let code = unsafe posix_spawnp(
            &identifier, words[0], &actions, &attributes, arguments, variables)
        guard code == 0 else { throw StartError(program: words[0], code: code) }
        self.identifier = identifier
    }

    deinit {
        guard isRunning else { return }
        signal(SIGKILL)
        _ = wait(options: 0)
    }

    /// A program that could not be started.
    public struct StartError: Error {
        public let program: String
        /// An errno.
        public let code: Int32
    }

    public var isRunning: Bool { wait(options: WNOHANG) == nil }

    /// The exit status once the process has ended, -1 if a signal ended it; nil while it runs.
    public var status: Int32? {
        wait(options: WNOHANG).map { $0 & 0x7F == 0 ? $0 >> 8 & 0xFF : -1 }
    }

    /// Sends a signal; nothing if the process has ended.
    public func signal(_ signal: Int32) {
        ended.withLock { if $0 == nil { kill(identifier, signal) } }
    }

    private func wait(options: Int32) -> Int32? {
        ended.withLock { ended in
            if ended != nil { return ended }
            var status: Int32 = 0
            var result: pid_t
            repeat {
                result = unsafe waitpid(identifier, &status, options)
            } while result == -1 && errno == EINTR
            if result == identifier { ended = status }
            return ended
        }
    }
}
