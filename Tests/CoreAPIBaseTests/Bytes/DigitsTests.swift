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

    @Test func `numbers of every length are read, and a wrong byte is found at every place`() {
        let digits = Array("1234567890123456789".utf8)
        var value = 0
        for length in 1...digits.count {
            value = value * 10 + Int(digits[length - 1] - UInt8(ascii: "0"))
            let text = String(decoding: digits[..<length], as: UTF8.self)
            #expect(integer(text) == value)
            for place in 0..<length {
                for byte in [UInt8(ascii: "/"), UInt8(ascii: ":"), 0, 0x7F, 0x80, 0xB0, 0xFF] {
                    var wrong = Array(digits[..<length])
                    wrong[place] = byte
                    #expect(Digits.integer(0..<length, of: wrong.span) == nil, "\(wrong)")
                }
            }
        }
    }

    @Test(arguments: ["", "-1", "+1", " 1", "1 ", "1.0", "1e3", "12a", "/", ":", "٣"])
    func `anything but digits is no number`(text: String) { #expect(integer(text) == nil) }
}
