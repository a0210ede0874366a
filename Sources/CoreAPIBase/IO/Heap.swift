internal import CEpoll

/// The C library's allocator, which allocates Swift's objects.
package enum Heap {
    /// Returns free memory of all threads' arenas to the system (malloc_trim(3)). The call takes
    /// some milliseconds for each 100 MiB.
    package static func trim() { malloc_trim(0) }
}
