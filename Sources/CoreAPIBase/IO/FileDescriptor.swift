internal import Glibc

/// An open file descriptor, closed by `deinit`.
package struct FileDescriptor: ~Copyable, Sendable {
    package let number: Int32

    /// Takes ownership of an open descriptor: no other code may close it.
    package init(taking number: Int32) { self.number = number }

    deinit {
        // close(2) releases the descriptor even when it reports an error.
        _ = Glibc.close(number)
    }
}
