internal import Glibc

extension UnixTime {
    /// Reads the system's real-time clock.
    public static func now() -> UnixTime {
        var time = timespec()
        let result = unsafe clock_gettime(CLOCK_REALTIME, &time)
        precondition(result == 0, "UnixTime.now: clock_gettime failed for CLOCK_REALTIME")
        return UnixTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
