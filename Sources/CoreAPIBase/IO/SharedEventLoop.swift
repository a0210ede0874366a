internal import Synchronization

/// The event loop of all connections that embedders open. Its thread starts with the first
/// connection and ends with the process, so the number of queues and consumers does not change the
/// number of threads.
package enum SharedEventLoop {
    /// The name of the loop's thread.
    package static let threadName = "core-api-redis"

    private static let current = Mutex<EventLoop?>(nil)

    /// The loop, started if it does not run yet.
    package static func running() throws(SystemError) -> EventLoop {
        try current.withLock { current throws(SystemError) in
            if let current { return current }
            let loop = try EventLoop()
            try Thread.start(named: threadName) { loop.run() }
            current = loop
            return loop
        }
    }
}
