internal import Glibc

/// A point on the system's monotonic clock. All deadlines use this clock.
@usableFromInline package struct MonotonicTime: Hashable, Comparable, Sendable {
    @usableFromInline package let nanoseconds: UInt64

    @inlinable package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Later than every deadline.
    @inlinable package static var never: MonotonicTime { MonotonicTime(nanoseconds: .max) }

    package static func now() -> MonotonicTime {
        var time = timespec()
        let result = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        precondition(result == 0, "MonotonicTime.now: clock_gettime failed for CLOCK_MONOTONIC")
        // The clock counts from the system's start: it does not overflow.
        return MonotonicTime(
            nanoseconds: UInt64(truncatingIfNeeded: time.tv_sec &* 1_000_000_000 &+ time.tv_nsec))
    }

    @inlinable package func advanced(byMilliseconds milliseconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: nanoseconds + UInt64(milliseconds) * 1_000_000)
    }

    /// The time so many milliseconds before; the clock's beginning if that is later.
    package func before(milliseconds: Int) -> MonotonicTime {
        let earlier = UInt64(milliseconds) * 1_000_000
        return MonotonicTime(nanoseconds: nanoseconds > earlier ? nanoseconds - earlier : 0)
    }

    /// Milliseconds on this clock, rounded down.
    package var wholeMilliseconds: Int { Int(nanoseconds / 1_000_000) }

    /// Milliseconds from `earlier` to this time, rounded up; 0 if `earlier` is later.
    package func milliseconds(since earlier: MonotonicTime) -> Int {
        self <= earlier ? 0 : Int((nanoseconds - earlier.nanoseconds + 999_999) / 1_000_000)
    }

    /// Nanoseconds from `earlier` to this time; 0 if `earlier` is later.
    @inlinable package func nanoseconds(since earlier: MonotonicTime) -> Int64 {
        self <= earlier ? 0 : Int64(clamping: nanoseconds - earlier.nanoseconds)
    }

    // Written out, since what the compiler derives is not inlined in other modules.
    @inlinable package static func == (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds == right.nanoseconds
    }

    @inlinable package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    @inlinable package static func <= (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds <= right.nanoseconds
    }
}

/// The earlier of two times. The standard library's `min` would compare by a call of the type's
/// witness.
@inlinable package func min(_ left: MonotonicTime, _ right: MonotonicTime) -> MonotonicTime {
    right < left ? right : left
}
