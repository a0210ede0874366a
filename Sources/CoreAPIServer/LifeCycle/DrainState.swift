internal import Synchronization

/// Whether the server drains. The main thread sets it once; every loop reads it.
final class DrainState: Sendable {
    private let value = Atomic(false)

    var isDraining: Bool { value.load(ordering: .relaxed) }

    func begin() { value.store(true, ordering: .relaxed) }
}
