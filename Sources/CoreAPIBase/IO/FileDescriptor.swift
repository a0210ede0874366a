internal import Glibc

/// An open file descriptor, closed when its owner lets go of it.
package struct FileDescriptor: ~Copyable, Sendable {
    package let number: Int32

    /// Takes over a descriptor that nobody else closes.
    package init(taking number: Int32) { self.number = number }

    deinit {
        // Whatever close reports, the descriptor is gone (close(2)).
        _ = Glibc.close(number)
    }
}
