/// A suspended task that must be resumed exactly once, from any thread.
///
/// `Suspension` wraps `UnsafeContinuation`, because the checked continuation costs an allocation
/// for each wait. Only the state machine that holds a suspension until its result arrives may copy
/// it.
@safe package struct Suspension<Value: Sendable>: Sendable {
    private let continuation: UnsafeContinuation<Value, Never>

    /// Suspends the calling task until `resume(returning:)` is called on the suspension.
    @inline(__always) package static func value(_ body: (Suspension<Value>) -> Void) async -> Value
    {
        unsafe await withUnsafeContinuation { continuation in
            unsafe body(Suspension(continuation: continuation))
        }
    }

    private init(continuation: UnsafeContinuation<Value, Never>) {
        unsafe self.continuation = unsafe continuation
    }

    package func resume(returning value: Value) {
        unsafe continuation.resume(returning: value)
    }
}
