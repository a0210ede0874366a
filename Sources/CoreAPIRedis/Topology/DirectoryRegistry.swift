internal import CoreAPIBase
internal import Synchronization

/// The directories of one kind in a process: connections to the same target share one, which is
/// made for the first of them and forgotten after the last. Any thread may call it.
final class DirectoryRegistry<Target: Hashable & Sendable, Directory: Sendable>: Sendable {
    private struct Key: Hashable {
        let target: Target
        /// Embedders' queues may have different certificates.
        let tls: ObjectIdentifier?

        init(_ target: Target, _ tls: TLSContext?) {
            self.target = target
            self.tls = tls.map { ObjectIdentifier($0) }
        }
    }

    /// The directories in use, each with the number of its members.
    private let entries = Mutex<[Key: (directory: Directory, members: Int)]>([:])
    private let numbers = Atomic(0)

    /// The directory of the target, with one member more.
    ///
    /// - Returns: the directory, and a number that no other member has.
    func join(
        _ target: Target, tls: TLSContext?, _ make: () -> Directory
    ) -> (directory: Directory, number: Int) {
        let key = Key(target, tls)
        let directory = entries.withLock { entries in
            let known = entries[key]
            let directory = known?.directory ?? make()
            entries[key] = (directory, (known?.members ?? 0) + 1)
            return directory
        }
        return (directory, numbers.add(1, ordering: .relaxed).newValue)
    }

    /// The directory of the target has one member less.
    ///
    /// - Returns: whether it was the last one.
    @discardableResult
    func leave(_ target: Target, tls: TLSContext?) -> Bool {
        let key = Key(target, tls)
        return entries.withLock { entries in
            guard let entry = entries[key] else { return false }
            entries[key] = entry.members > 1 ? (entry.directory, entry.members - 1) : nil
            return entry.members == 1
        }
    }
}
