import CoreAPIKit
import Testing

/// W3C Trace Context, §3.2.
@Suite struct TraceParentTests {
    private static let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `a traceparent is parsed, and written unchanged`() throws {
        let trace = try #require(TraceParent(TraceParentTests.example))
        #expect(trace.description == TraceParentTests.example)
        #expect(trace.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(trace == TraceParent(TraceParentTests.example))
    }

    @Test func `of a later version, the fields of version 00 are used (§3.2.4)`() {
        let later = "cc" + TraceParentTests.example.dropFirst(2)
        #expect(TraceParent(later)?.description == TraceParentTests.example)
        #expect(TraceParent(later + "-what-comes-later")?.description == TraceParentTests.example)
        #expect(TraceParent(later + "9") == nil)
        #expect(TraceParent(later + ".9-") == nil)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
    ])
    func `an invalid traceparent is nil, as the specification says`(text: String) {
        #expect(TraceParent(text) == nil)
    }
}
