import Testing

@testable import CoreAPIBase

@Suite struct JSONWriterTests {
    @Test func `a written text is parsed as the same text`() throws {
        let texts = ["", "plain", "\"quoted\" and \\", "line\nbreak\ttab\u{0}\u{1F}", "é漢𝄞", "/"]
        for original in texts {
            var writer = JSONWriter()
            writer.text(original)
            let bytes = writer.bytes
            var reader = JSONReader()
            guard case .text(let text) = try reader.value(bytes.span) else {
                Issue.record("not a string")
                continue
            }
            try reader.end(bytes.span)
            #expect(String(decoding: text.decoded(bytes.span), as: UTF8.self) == original)
        }
    }

    @Test func `control characters are escaped`() {
        var writer = JSONWriter()
        writer.text("\u{1}\n\"\\")
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"\\u0001\\u000a\\\"\\\\\"")
    }

    @Test(
        arguments: [
            (0, "0", "0.000"), (-1, "-1", "-0.001"), (1_234, "1234", "1.234"),
            (-1_234, "-1234", "-1.234"), (.max, "9223372036854775807", "9223372036854775.807"),
            (.min, "-9223372036854775808", "-9223372036854775.808"),
        ])
    func `every number can be written`(number: Int, whole: String, thousandths: String) {
        var writer = JSONWriter()
        writer.integer(number)
        writer.raw(" ")
        writer.thousandths(number)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\(whole) \(thousandths)")
    }
}
