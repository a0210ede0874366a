import CoreAPIBase
import Testing

@testable import CoreAPIKit

/// The data was compressed by Python's zlib, as rq does it.
@Suite struct ZlibTests {
    private static func bytes(_ base64: String) -> [UInt8] {
        let digits = base64.filter { $0 != "=" }.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }
        let text = Array(String(digits).utf8)
        return Base64URL.decode(0..<text.count, of: text.span) ?? []
    }

    private static let dynamic = bytes(
        "eJzty7EKwjAUBdA9X3HppFAE1+46Fyzuz/DA4GtSXlJo/t7f6HDPfhaXqB+JP1zWUhtco+aGKGYwqe06BeCZTDE"
            + "ct60PIyxlxX1EyuhhYWdnZ2dnZ2dnP0d/i+36cC8+oX0V82tGlV6RS/gDeO0l4g==")
    private static let fixed = bytes("eJwLS8wpTXUtKsovslLIywcAKDoFPw==")

    @Test func `each kind of block is decompressed`() throws {
        let line = "Traceback (most recent call last):\n  File \"x.py\", line 1, in y\n"
        let text = String(repeating: line, count: 40) + "ValueError: the PSP says no\n"
        let found = try #require(Zlib.decompress(Self.dynamic, bytesMax: 10_000))
        #expect(String(decoding: found, as: UTF8.self) == text)
        for data in [Self.fixed, Self.bytes("eAEBDgDx/1ZhbHVlRXJyb3I6IG5vKDoFPw==")] {
            let found = try #require(Zlib.decompress(data, bytesMax: 14))
            #expect(String(decoding: found, as: UTF8.self) == "ValueError: no")
        }
        #expect(Zlib.decompress(Self.bytes("eJwDAAAAAAE="), bytesMax: 0) == [])
    }

    @Test func `more bytes than the limit are refused`() {
        #expect(Zlib.decompress(Self.dynamic, bytesMax: 2_547) == nil)
        #expect(Zlib.decompress(Self.dynamic, bytesMax: 2_548) != nil)
        #expect(Zlib.decompress(Self.fixed, bytesMax: 13) == nil)
    }

    @Test func `malformed data is refused, whatever it is`() {
        for data in [[], [0x78], Array("Traceback".utf8), [0x78, 0x9C], [0x78, 0x9C, 7]] {
            #expect(Zlib.decompress(data, bytesMax: 100) == nil)
        }
        // The checksum at the end is not read.
        for count in 0..<(Self.dynamic.count - 5) {
            #expect(Zlib.decompress(Array(Self.dynamic[..<count]), bytesMax: 10_000) == nil)
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var data = Self.dynamic
            for _ in 0..<4 {
                let index = Int.random(in: 2..<data.count, using: &random)
                data[index] = .random(in: 0...255, using: &random)
            }
            _ = Zlib.decompress(data, bytesMax: 10_000)
        }
    }
}
