internal import Glibc

/// CPU time of this thread for one call, which other processes hardly affect.
enum Measurement {
    /// How long a case runs in one round.
    private static let nanosecondsMin = 50e6
    private static let callsAtOnce = 1_000

    /// - Parameter body: gets the number of the call; what it returns is used, so that it is made.
    static func nanoseconds(_ body: (Int) -> Int) -> Double {
        var (calls, sum) = (0, 0)
        // Warm up caches and buffers.
        for call in 0..<callsAtOnce { sum &+= body(call) }
        let start = clock(CLOCK_THREAD_CPUTIME_ID)
        var elapsed = 0.0
        repeat {
            for call in 0..<callsAtOnce { sum &+= body(call) }
            calls += callsAtOnce
            elapsed = clock(CLOCK_THREAD_CPUTIME_ID) - start
        } while elapsed < nanosecondsMin
        precondition(sum != 0, "each call has a result")
        return elapsed / Double(calls)
    }

    /// The clock's time in nanoseconds.
    static func clock(_ identifier: Int32) -> Double {
        var time = timespec()
        let result = unsafe clock_gettime(identifier, &time)
        precondition(result == 0, "the clock is there")
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
}
