internal import CEpoll

/// The allocator of the C library, which Swift's objects come from.
package enum Heap {
    /// Gives what is free back to the system, of every thread's arena (malloc_trim(3)). It may take
    /// some milliseconds for each 100 MiB.
    package static func trim() { malloc_trim(0) }
}
