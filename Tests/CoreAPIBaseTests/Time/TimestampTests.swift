import Testing

@testable import CoreAPIBase

/// Timestamps of other programs are parsed.
@Suite struct TimestampTests {
    private func time(_ text: String) -> UnixTime? { UnixTime(timestamp: Array(text.utf8).span) }

    @Test func `a written timestamp is parsed`() {
        for day in stride(from: 0, to: 106_000, by: 13) {
            for nanoseconds in [0, 86_399_999_999_000, 43_200_123_456_000] {
                let time = UnixTime(
                    nanoseconds: Int64(day) * 86_400_000_000_000 + Int64(nanoseconds))
                #expect(self.time(time.timestamp) == time)
            }
        }
    }

    @Test func `a fraction has up to nine digits, or is not there`() {
        #expect(time("1970-01-01T00:00:01Z")?.nanoseconds == 1_000_000_000)
        #expect(time("1970-01-01T00:00:00.5Z")?.nanoseconds == 500_000_000)
        #expect(time("1970-01-01T00:00:00.000000001Z")?.nanoseconds == 1)
        #expect(time("2024-02-29T00:00:00Z") != nil)
    }

    @Test(arguments: [
        "", "Z", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.0000000001Z", "1970-01-01T00:00:00,5Z", "1970-01-01 00:00:00Z",
        "1970-01-01T00:00:00+00:00", "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z",
        "2023-02-29T00:00:00Z", "2023-04-31T00:00:00Z", "2023-00-01T00:00:00Z",
        "2023-13-01T00:00:00Z", "2023-01-00T00:00:00Z", "2023-01-32T00:00:00Z",
        "2023-01-01T24:00:00Z", "2023-01-01T00:60:00Z", "2023-01-01T00:00:60Z",
        "2023-1-01T00:00:00.0Z", "+023-01-01T00:00:00Z",
    ])
    func `any other text is nil`(text: String) { #expect(time(text) == nil) }
}
