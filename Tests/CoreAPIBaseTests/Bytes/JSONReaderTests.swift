import Testing

@testable import CoreAPIBase

@Suite struct JSONReaderTests {
    /// Reads one text to its end. Nil if it is well-formed, otherwise the error.
    private func fault(_ bytes: [UInt8]) -> JSONError.Reason? {
        do {
            var reader = JSONReader()
            guard try reader.beginsObject(bytes.span) else {
                _ = try reader.value(bytes.span)
                try reader.end(bytes.span)
                return nil
            }
            var isFirst = true
            while try reader.nextMember(bytes.span, isFirst: isFirst) != nil {
                isFirst = false
                _ = try reader.value(bytes.span, depth: 1)
            }
            try reader.end(bytes.span)
            return nil
        } catch {
            return error.reason
        }
    }

    private func fault(_ text: String) -> JSONError.Reason? { fault(Array(text.utf8)) }

    @Test(arguments: [
        "{}", "[]", " { } ", "\t\r\n[ ]\n", "0", "-0", "-1.5e+10", "1E5", "0.25", "true", "false",
        "null",
        "\"\"", "\"\\u0041\\n\\\\\\/\\\"\\b\\f\\r\\t\"", "\"é漢𝄞\"", "\"\\ud834\\udd1e\"",
        "{\"a\":{\"b\":[1,{\"c\":[]},\"x\",null]},\"d\":-2.5}", "[[],[[]],{},{\"a\":{}}]",
        "{\"a\":1,\"a\":2}", "[1,2,3 ,\n4]", "{\"\":\"\"}", "[0,10,-1,-0,0.5,1e0]",
        "\"\\ud834\"", "\"\\udd1e\"", "\"\\ud834\\u0041\"", "\"\\ud834x\"", "[\"\\udd1e\\ud834\"]",
    ])
    func `a text that RFC 8259 allows is accepted`(text: String) {
        #expect(fault(text) == nil)
    }

    @Test(arguments: [
        ("", JSONError.Reason.valueExpected), (" ", .valueExpected), ("{", .unterminated),
        ("[", .unterminated), ("{\"a\"", .unterminated), ("{\"a\":", .valueExpected),
        ("{\"a\":1", .unterminated), ("{\"a\":1,", .unterminated), ("{\"a\":1,}", .stringExpected),
        ("[1,]", .valueExpected), ("[,1]", .valueExpected), ("[1 2]", .commaOrEndExpected),
        ("{\"a\" 1}", .colonExpected), ("{a:1}", .stringExpected), ("{'a':1}", .stringExpected),
        ("{\"a\":1 \"b\":2}", .commaOrEndExpected), ("{,}", .stringExpected),
        ("[1}", .commaOrEndExpected), ("[{]", .stringExpected), ("[{\"a\":1]", .commaOrEndExpected),
        ("01", .leadingZero), ("-01", .leadingZero), ("-", .digitExpected), ("+1", .valueExpected),
        ("1.", .digitExpected), (".5", .valueExpected), ("1e", .digitExpected),
        ("1e+", .digitExpected), ("0x10", .trailingText), ("1_000", .trailingText),
        ("NaN", .valueExpected), ("Infinity", .valueExpected), ("tru", .unterminated),
        ("trux", .valueExpected), ("True", .valueExpected), ("nul1", .valueExpected),
        ("\"", .unterminated), ("\"a", .unterminated), ("\"\\\"", .unterminated),
        ("\"\\x\"", .escapeInvalid), ("\"\\u12\"", .escapeInvalid), ("\"\\u12g4\"", .escapeInvalid),
        ("\"\n\"", .controlCharacter), ("\"\u{0}\"", .controlCharacter),
        ("{} {}", .trailingText), ("1 2", .trailingText), ("{}x", .trailingText),
        ("\u{FEFF}{}", .valueExpected), ("{\"a\":1}/* */", .trailingText), ("// x", .valueExpected),
    ])
    func `a text that RFC 8259 forbids is refused`(text: String, reason: JSONError.Reason) {
        #expect(fault(text) == reason)
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xE2, 0x82], [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80],
            [0xFF], [0xFE], [0xE2, 0x28, 0xA1], [0xF0, 0x9F, 0x92],
        ] as [[UInt8]])
    func `bytes that are not UTF-8 are refused (RFC 3629)`(bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(fault([quote] + bytes + [quote]) == .notUTF8)
    }

    @Test func `containers nest 32 deep and no deeper`() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let middle = open == "[" ? "" : "1"
            let deepest =
                String(repeating: open, count: 32) + middle + String(repeating: close, count: 32)
            let deeper =
                String(repeating: open, count: 33) + middle + String(repeating: close, count: 33)
            #expect(fault(deepest) == nil)
            #expect(fault(deeper) == .tooDeep)
        }
        #expect(fault(String(repeating: "[", count: 100_000)) == .tooDeep)
    }

    @Test(arguments: ["0", "10", "\"\"", "{}", "null", " -1 ", "[0]", "{\"\":{}}"])
    func `values in containers have a common limit, members of the outermost object have none`(
        value: String
    ) {
        let each = value.hasPrefix("[") || value.hasSuffix("}}") ? 2 : 1
        // The array is a value, too.
        let most = (JSONReader.nestedValuesMax - 1) / each
        func array(_ count: Int) -> String {
            "[" + Array(repeating: value, count: count).joined(separator: ",") + "]"
        }
        #expect(fault(array(most)) == nil)
        #expect(fault(array(most + 1)) == .tooManyValues)
        #expect(fault("{\"a\":\(array(most)),\"b\":0}") == nil)
        #expect(fault("{\"a\":\(array(most)),\"b\":[\(value)]}") == .tooManyValues)
        let members = Array(repeating: "\"a\":0", count: 5_000).joined(separator: ",")
        #expect(fault("{\(members)}") == nil)
    }

    @Test func `every prefix of a text is refused`() {
        let text = Array(
            "{\"a\":[1,-2.5e3,{\"b\":\"x\\u00e9\\ud834\\udd1e\"}],\"c\":true,\"d\":null}".utf8)
        #expect(fault(text) == nil)
        for count in 0..<text.count { #expect(fault(Array(text[..<count])) != nil) }
    }

    @Test func `each byte at each place of a string has its meaning`() {
        let all = UInt8.min...UInt8.max
        for (byte, place) in all.flatMap({ byte in (0..<20).map { (byte, $0) } }) {
            var text = Array("\"abcdefghijklmnopqrst\"".utf8)
            text[1 + place] = byte
            let isPlain =
                (0x20..<0x80).contains(byte) && byte != UInt8(ascii: "\"")
                && byte != UInt8(ascii: "\\")
            // Of the letters, these follow a backslash; a `u` needs four digits.
            let isEscape =
                byte == UInt8(ascii: "\\") && place < 19 && "bfnrt".utf8.contains(text[2 + place])
            var reader = JSONReader()
            let isRead =
                (try? reader.value(text.span)) != nil && (try? reader.end(text.span)) != nil
            #expect(isRead == (isPlain || isEscape), "\(byte) at \(place)")
        }
    }

    @Test func `escape sequences are decoded`() throws {
        let bytes = Array("\"\\u0061\\\\\\\"\\/\\b\\f\\n\\r\\t\\u00e9\\ud834\\udd1eé\"".utf8)
        var reader = JSONReader()
        guard case .text(let text) = try reader.value(bytes.span) else {
            Issue.record("not a string")
            return
        }
        #expect(
            String(decoding: text.decoded(bytes.span), as: UTF8.self) == "a\\\"/\u{8}\u{C}\n\r\té𝄞é"
        )
    }

    @Test func `half of a surrogate pair is no character, and equal to no word`() throws {
        for (spelling, decoded) in [
            ("\"\\ud834\"", [0xED, 0xA0, 0xB4]), ("\"\\udd1e\"", [0xED, 0xB4, 0x9E]),
            ("\"\\ud834a\"", [0xED, 0xA0, 0xB4, 0x61]),
            ("\"\\ud834\\ud834\\udd1e\"", [0xED, 0xA0, 0xB4, 0xF0, 0x9D, 0x84, 0x9E]),
        ] as [(String, [UInt8])] {
            let bytes = Array(spelling.utf8)
            var reader = JSONReader()
            guard case .text(let text) = try reader.value(bytes.span) else {
                Issue.record("not a string")
                continue
            }
            let found = text.decoded(bytes.span)
            #expect(found == decoded, "\(spelling)")
            let isWord = text.equals("a", bytes.span)
            #expect(!isWord)
        }
    }

    @Test func `a name is compared after unescaping, byte by byte`() throws {
        for (spelling, isEqual) in [
            ("\"token\"", true), ("\"t\\u006fken\"", true),
            ("\"\\u0074\\u006f\\u006b\\u0065\\u006e\"", true),
            ("\"Token\"", false), ("\"token \"", false), ("\"toke\"", false),
            ("\"to\\u212aen\"", false),
        ] {
            let bytes = Array(spelling.utf8)
            var reader = JSONReader()
            guard case .text(let text) = try reader.value(bytes.span) else {
                Issue.record("not a string")
                continue
            }
            #expect(text.equals("token", bytes.span) == isEqual, "\(spelling)")
        }
    }

    @Test(
        arguments: [
            ("0", 0), ("9007199254740991", 9_007_199_254_740_991),
            ("9223372036854775807", Int.max), ("9223372036854775808", nil), ("-1", nil),
            ("1.0", nil),
            ("1e2", nil), ("99999999999999999999999999", nil),
        ] as [(String, Int?)])
    func `integers are read exactly or not at all`(text: String, value: Int?) throws {
        let bytes = Array(text.utf8)
        var reader = JSONReader()
        guard case .number(let number) = try reader.value(bytes.span) else {
            Issue.record("not a number")
            return
        }
        #expect(number.nonNegativeInteger(bytes.span) == value)
    }

    @Test(
        arguments: [
            ("1637027957", 1_637_027_957), ("1637027957.5", 1_637_027_957.5), ("-1", -1),
            ("1e3", 1000),
            ("1e400", nil), ("-1e400", nil), ("9007199254740993", 9_007_199_254_740_992),
        ] as [(String, Double?)])
    func `numbers are read as the nearest double`(text: String, value: Double?) throws {
        let bytes = Array(text.utf8)
        var reader = JSONReader()
        guard case .number(let number) = try reader.value(bytes.span) else {
            Issue.record("not a number")
            return
        }
        #expect(number.double(bytes.span) == value)
    }
}
