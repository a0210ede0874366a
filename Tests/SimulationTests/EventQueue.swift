@testable import CoreAPIBase

/// Events in the order of their virtual times; those of one time in the order in which they were
/// added.
struct EventQueue<Event> {
    /// Latest first, so that the next one is taken from the end.
    private var events: [(time: MonotonicTime, event: Event)] = []

    var nextTime: MonotonicTime { events.last?.time ?? .never }
    var isEmpty: Bool { events.isEmpty }

    mutating func add(_ event: Event, at time: MonotonicTime) {
        var index = events.count
        while index > 0, events[index - 1].time <= time { index -= 1 }
        events.insert((time, event), at: index)
    }

    mutating func takeNext() -> Event { events.removeLast().event }
}
