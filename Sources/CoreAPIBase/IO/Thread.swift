internal import CEpoll
internal import Glibc

/// A detached system thread. Nothing can join it: its body reports its own end.
package enum Thread {
    /// Starts a thread with all signals blocked, so that the process's main thread receives them.
    ///
    /// - Parameter name: the name that `ps -L` and `top -H` show, at most 15 bytes.
    package static func start(
        named name: String, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        try start {
            _ = unsafe pthread_setname_np(pthread_self(), name)
            body()
        }
    }

    /// Starts a thread with the name of the thread that calls this.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
        var all = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&all)
        // A new thread inherits the signal mask of the thread that creates it.
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                if let argument = unsafe argument {
                    let box = unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                    box.body()
                }
                return nil
            }, box)
        unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            unsafe Unmanaged<Box>.fromOpaque(box).release()
            throw SystemError(code: code, call: "pthread_create")
        }
        pthread_detach(thread)
    }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
