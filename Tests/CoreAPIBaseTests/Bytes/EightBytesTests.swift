import Testing

@testable import CoreAPIBase

@Suite struct EightBytesTests {
    // `#expect` does not accept spans.
    private func find(_ byte: UInt8, _ range: Range<Int>, _ bytes: [UInt8]) -> Int? {
        ASCII.find(byte, range, of: bytes.span)
    }

    private func equal(_ word: [UInt8], _ range: Range<Int>, _ bytes: [UInt8]) -> Bool {
        ASCII.equal(word.span, range, of: bytes.span)
    }

    private func short(_ range: Range<Int>, _ bytes: [UInt8]) -> ShortText? {
        ShortText(range, of: bytes.span)
    }

    /// The position of the first mark, as callers compute it.
    private func first(_ marks: UInt64) -> Int? {
        marks == 0 ? nil : EightBytes.countBefore(marks)
    }

    @Test func `the first mark is the first byte for which the rule holds`() {
        var generator = SystemRandomNumberGenerator()
        for round in 0..<20_000 {
            // Few distinct bytes, so that each test matches some bytes and rejects others.
            let span = UInt64(round % 16 + 1) * 16
            let bytes = (0..<8).map { _ in UInt8(generator.next(upperBound: span) % 256) }
            let byte = bytes[Int(generator.next(upperBound: UInt64(8)))]
            let eight = EightBytes(bytes)
            #expect(first(eight.marks(of: byte)) == bytes.firstIndex(of: byte), "\(bytes)")
            #expect(first(eight.marks(of: 0x7F)) == bytes.firstIndex(of: 0x7F), "\(bytes)")
            #expect(
                first(eight.marks(below: 0x20)) == bytes.firstIndex { $0 < 0x20 }, "\(bytes)")
            let lower = bytes.map(ASCII.lowercased)
            #expect(eight.lowercased == EightBytes(lower), "\(bytes)")
            let hasControls = bytes.contains { $0 < 0x20 || $0 == 0x7F }
            #expect(eight.hasControls == hasControls, "\(bytes)")
            #expect(eight.areBelow(0x21) == bytes.allSatisfy { $0 < 0x21 }, "\(bytes)")
            let replaced = bytes.map { $0 == 0x09 ? 0x20 : $0 }
            #expect(eight.replacing(0x09, with: 0x20) == EightBytes(replaced), "\(bytes)")
        }
    }

    @Test func `every byte is made lower case, and found, at every position`() {
        for byte in UInt8.min...UInt8.max {
            for position in 0..<8 {
                var bytes = [UInt8](repeating: UInt8(ascii: "_"), count: 8)
                bytes[position] = byte
                let eight = EightBytes(bytes)
                let lower = bytes.map(ASCII.lowercased)
                #expect(eight.lowercased == EightBytes(lower))
                #expect(first(eight.marks(of: byte)) == bytes.firstIndex(of: byte))
            }
        }
    }

    @Test func `a short text is equal to itself alone, wherever it stands`() throws {
        let text = Array("abcdefghijklmnopqrstuvwxyz".utf8)
        for length in 0...24 {
            let wanted = short(0..<length, text)
            let word = Array(text[..<length])
            for before in 0...9 {
                for after in 0...9 {
                    let buffer =
                        [UInt8](repeating: 0xFF, count: before) + text[..<length]
                        + [UInt8](repeating: 0xFF, count: after)
                    let range = before..<(before + length)
                    #expect(short(range, buffer) == wanted)
                    #expect(equal(word, range, buffer))
                    for wrong in range {
                        var other = buffer
                        other[wrong] ^= 0x20
                        #expect(short(range, other) != wanted)
                        #expect(short(range, other)?.lowercased == wanted)
                        #expect(!equal(word, range, other))
                    }
                }
            }
        }
        #expect(short(0..<25, text) == nil)
        // A zero byte is compared like any other.
        #expect(short(0..<2, [97, 0, 0]) != short(0..<1, [97, 0, 0]))
    }

    @Test func `a literal is the short text of its bytes`() {
        let literals: [(ShortText, String)] = [
            ("", ""), ("a", "a"), ("user_id", "user_id"), ("12345678", "12345678"),
            ("123456789", "123456789"), ("content-length", "content-length"),
            ("1234567890123456", "1234567890123456"), ("12345678901234567", "12345678901234567"),
            ("123456789012345678901234", "123456789012345678901234"),
        ]
        for (literal, text) in literals {
            let bytes = Array("<\(text)>".utf8)
            for (_, other) in literals {
                let range = 1..<(other.utf8.count + 1)
                guard range.upperBound < bytes.count else { continue }
                #expect((short(range, bytes) == literal) == (range.count == text.utf8.count))
            }
            #expect(short(1..<(bytes.count - 1), bytes) == literal, "\(text)")
            #expect(literal.count == text.utf8.count)
        }
    }

    @Test func `a byte is found at its first position in the range`() {
        for length in 0...20 {
            for position in 0..<length {
                var bytes = [UInt8](repeating: 0, count: length)
                bytes[position] = 1
                #expect(find(1, 0..<length, bytes) == position)
                #expect(find(1, 0..<position, bytes) == nil)
                #expect(find(1, (position + 1)..<length, bytes) == nil)
                #expect(
                    find(0, position..<length, bytes)
                        == (position + 1 < length ? position + 1 : nil))
            }
        }
    }

    @Test func `a number in decimal has the length that was said before`() {
        var numbers = [0, 1, 9, Int.max - 1, Int.max]
        for power in 1...18 {
            let number = (0..<power).reduce(1) { product, _ in product * 10 }
            numbers += [number - 1, number, number + 1]
        }
        for number in numbers {
            var text: [UInt8] = []
            text.append(decimal: number)
            #expect(text == Array(String(number).utf8))
            #expect(ASCII.decimalLength(number) == text.count)
            for width in 1...20 {
                text = []
                text.append(decimal: number, width: width)
                let zeros = String(repeating: "0", count: max(0, width - String(number).count))
                #expect(text == Array((zeros + String(number)).utf8))
            }
        }
    }

    @Test func `each half of eight decimal digits has the digits of its number`() {
        for number in 0..<10_000 {
            let text = String(number)
            let four = String(repeating: "0", count: 4 - text.count) + text
            for (number, digits) in [(number, "0000" + four), (number * 10_000, four + "0000")] {
                #expect(ASCII.decimalDigits(number) == EightBytes(Array(digits.utf8)))
            }
        }
    }

    @Test(arguments: 0..<8) func `the last bytes of a word are appended`(skipped: Int) {
        let eight = Array("12345678".utf8)
        // Without room for all eight, and with it.
        for capacity in [8 - skipped, 16] {
            let last = [UInt8](capacity: capacity) {
                $0.append(eight: EightBytes(eight), droppingFirst: skipped)
            }
            #expect(last == Array(eight[skipped...]))
        }
    }
}

extension EightBytes {
    fileprivate init(_ bytes: [UInt8]) { self.init(bytes.span, at: 0) }
}
