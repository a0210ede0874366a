internal import CoreAPIKit

/// Which traces are recorded: `OTEL_TRACES_SAMPLER` (OpenTelemetry's environment variables).
struct TraceSampler: Equatable {
    /// The traces without a parent, and all traces unless `followsParent`.
    enum Root: Equatable {
        case always, never
        /// Share of the traces, 0 to 1, by the trace's id: every service decides alike.
        case ratio(Double)
    }

    var root = Root.always
    /// Whether the caller's sampled flag decides, if there is a caller's trace.
    var followsParent = true

    /// The samplers by their names in OpenTelemetry.
    ///
    /// - Parameter ratio: `OTEL_TRACES_SAMPLER_ARG`.
    static func named(ratio: Double) -> [(word: String, value: TraceSampler)] {
        [
            ("always_on", TraceSampler(root: .always, followsParent: false)),
            ("always_off", TraceSampler(root: .never, followsParent: false)),
            ("traceidratio", TraceSampler(root: .ratio(ratio), followsParent: false)),
            ("parentbased_always_on", TraceSampler(root: .always)),
            ("parentbased_always_off", TraceSampler(root: .never)),
            ("parentbased_traceidratio", TraceSampler(root: .ratio(ratio))),
        ]
    }

    /// Whether the spans of a request are recorded.
    ///
    /// - Parameter traceLow: the last eight bytes of the trace's id.
    func isSampled(_ parent: TraceParent?, traceLow: UInt64) -> Bool {
        if followsParent, let parent { return parent.isSampled }
        return switch root {
        case .always: true
        case .never: false
        // The last 56 bits are random (W3C Trace Context, Level 2, §2.2.2).
        case .ratio(let share): Double(traceLow & 0xFF_FFFF_FFFF_FFFF) < share * 0x1p56
        }
    }
}
