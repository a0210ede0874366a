/// A task that waits, to be resumed exactly once, from any thread.
///
/// It is the standard library's continuation without its bookkeeping, which costs an allocation for
/// each wait. Nobody copies one but the machine that keeps it until its answer comes.
@safe package struct Suspension<Value: Sendable>: Sendable {
    private let continuation: UnsafeContinuation<Value, Never>

    /// Suspends the task until somebody resumes it.
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
