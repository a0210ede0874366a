internal import Synchronization

/// Whether the server drains: written once by the main thread, read by every loop.
final class DrainState: Sendable {
    private let value = Atomic(false)

    var isDraining: Bool { value.load(ordering: .relaxed) }

    func begin() { value.store(true, ordering: .relaxed) }
}
