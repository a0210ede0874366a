import CoreAPIKit
import Testing

@testable import CoreAPIBase

@Suite struct ValueTests {
    @Test func `an amount is 1 to 2^53-1`() {
        #expect(Amount(0) == nil)
        #expect(Amount(-1) == nil)
        #expect(Amount(1)?.minorUnits == 1)
        #expect(Amount(9_007_199_254_740_991)?.minorUnits == 9_007_199_254_740_991)
        #expect(Amount(9_007_199_254_740_992) == nil)
        #expect(Amount(Int.max) == nil)
        #expect(Amount(1)! < Amount(2)!)
    }

    @Test func `an id is a random UUID of version 4 in lower case`() {
        var seen: Set<String> = []
        for _ in 0..<1000 {
            let text = TransactionID.random().description
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
            #expect(parts[2].first == "4")
            #expect("89ab".contains(parts[3].first!))
            #expect(text.allSatisfy { "0123456789abcdef-".contains($0) })
            #expect(seen.insert(text).inserted)
        }
    }

    @Test func `an id shows its bits, but for version and variant`() {
        let id = TransactionID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        #expect(id.description == "01234567-89ab-4def-bedc-ba9876543210")
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_636_027_031_123_456_789, "2021-11-04T11:57:11.123456Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000Z"),
            (4_107_542_399_999_999_999, "2100-02-28T23:59:59.999999Z"),
            (4_107_542_400_000_001_000, "2100-03-01T00:00:00.000001Z"),
            (1_704_067_199_000_000_000, "2023-12-31T23:59:59.000000Z"),
        ] as [(Int64, String)])
    func `a timestamp has six digits of fraction and a Z`(nanoseconds: Int64, text: String) {
        #expect(UnixTime(nanoseconds: nanoseconds).timestamp == text)
    }

    @Test func `days count through leap years`() {
        var expected = (year: 1970, month: 1, day: 1)
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        for days in 0..<60_000 {
            let date = CivilDate(daysSince1970: days)
            #expect(
                date.year == expected.year && date.month == expected.month
                    && date.day == expected.day)
            let isLeap =
                expected.year % 4 == 0 && (expected.year % 100 != 0 || expected.year % 400 == 0)
            let length = lengths[expected.month - 1] + (isLeap && expected.month == 2 ? 1 : 0)
            expected.day += 1
            if expected.day > length { expected = (expected.year, expected.month + 1, 1) }
            if expected.month > 12 { expected = (expected.year + 1, 1, 1) }
        }
    }

    @Test func `the system's time moves on`() {
        let before = UnixTime.now()
        #expect(before > UnixTime(seconds: 1_700_000_000))
        #expect(UnixTime.now() >= before)
    }
}
