internal import Glibc

/// CPU time of this thread for one call, which other processes hardly affect.
enum Measurement {
    /// How long a case runs in one round.
    private static let nanosecondsMin = 50e6

    /// - Parameters:
    ///   - callsAtOnce: the calls between two looks at the clock.
    ///   - body: takes the number of the call. Its result is used, so that the compiler does not
    ///     remove the call.
    static func nanoseconds(callsAtOnce: Int = 1_000, _ body: (Int) -> Int) -> Double {
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
        precondition(sum != 0, "every call returned 0")
        return elapsed / Double(calls)
    }

    /// The clock's time in nanoseconds.
    static func clock(_ identifier: Int32) -> Double {
        var time = timespec()
        let result = unsafe clock_gettime(identifier, &time)
        precondition(result == 0, "clock_gettime() failed")
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
}
