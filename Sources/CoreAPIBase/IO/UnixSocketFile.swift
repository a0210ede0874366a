internal import Glibc

/// The file of a Unix socket that this process listens on.
package struct UnixSocketFile: Sendable {
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Listens on the path. A socket file that nobody listens on any more, as a crash leaves it, is
    /// replaced; anything else that is there stays, and is an error (`EADDRINUSE`, `EEXIST`).
    ///
    /// The file has the mode 0777 less the process's umask: whoever may write to it may connect.
    ///
    /// - Returns: the file, and a descriptor that stays open as long as the process.
    package static func listening(
        at path: String, backlog: Int32
    ) throws(SystemError) -> (file: UnixSocketFile, descriptor: Int32) {
        let address = try SocketAddress(unixPath: path)
        // The lock keeps two processes from both replacing the file.
        let lock = try lockedDirectory(of: path)
        defer { withExtendedLifetime(lock.number) {} }
        try removeStale(path, address)
        let socket = try Socket.listening(on: address, sharesPort: false, backlog: backlog)
        let number = socket.descriptor.number
        let copy = try SystemCall.run("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 0) }
        guard let copy, let status = try status(of: path) else {
            throw SystemError(code: ENOENT, call: "lstat")
        }
        let file = UnixSocketFile(path: path, device: status.st_dev, inode: status.st_ino)
        return (file, copy)
    }

    /// Removes the file, unless another process has replaced it.
    package func remove() {
        guard let status = try? UnixSocketFile.status(of: path), status.st_dev == device,
            status.st_ino == inode
        else { return }
        _ = unsafe unlink(path)
    }

    private static func lockedDirectory(of path: String) throws(SystemError) -> FileDescriptor {
        let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        let directory = end == path.startIndex ? "/" : String(path[..<end])
        let number = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw SystemError(code: errno, call: "open") }
        let descriptor = FileDescriptor(taking: number)
        _ = try SystemCall.run("flock") { flock(number, LOCK_EX) }
        return descriptor
    }

    private static func removeStale(
        _ path: String, _ address: SocketAddress
    ) throws(SystemError) {
        guard let status = try status(of: path) else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw SystemError(code: EEXIST, call: "bind")
        }
        do { _ = try Socket.connecting(to: address) } catch {
            // Nobody listens: the process that did has ended.
            if error.code == ECONNREFUSED {
                _ = unsafe unlink(path)
                return
            }
            // A full backlog is a listener too.
            if error.code != EAGAIN { throw error }
        }
        throw SystemError(code: EADDRINUSE, call: "bind")
    }

    /// Of the file itself, not of what a link leads to; nil if there is none.
    private static func status(of path: String) throws(SystemError) -> stat? {
        var status = stat()
        if unsafe lstat(path, &status) == 0 { return status }
        if errno == ENOENT { return nil }
        throw SystemError(code: errno, call: "lstat")
    }
}
