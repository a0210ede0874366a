import Testing

@testable import CoreAPIBase

@Suite struct DigitsTests {
    private func integer(_ text: String) -> Int? {
        let bytes = Array("<\(text)>".utf8)
        return Digits.integer(1..<(bytes.count - 1), of: bytes.span)
    }

    @Test(arguments: [
        ("0", 0), ("7", 7), ("42", 42), ("000", 0), ("0000000000000000000000012", 12),
        ("9223372036854775807", Int.max), ("0009223372036854775807", Int.max),
    ])
    func `digits are a number, with any leading zeros`(text: String, value: Int) {
        #expect(integer(text) == value)
    }

    @Test(arguments: [
        "9223372036854775808", "9999999999999999999", "10000000000000000000",
        "18446744073709551616", "99999999999999999999",
    ])
    func `a number beyond Int is nil`(text: String) { #expect(integer(text) == nil) }

    @Test(arguments: ["", "-1", "+1", " 1", "1 ", "1.0", "1e3", "12a", "/", ":", "٣"])
    func `anything but digits is no number`(text: String) { #expect(integer(text) == nil) }
}
