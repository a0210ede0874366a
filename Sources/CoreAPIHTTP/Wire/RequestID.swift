internal import CoreAPIBase

/// The ID of a request in its answer (`X-Request-Id`) and in the logs.
package enum RequestID: Equatable {
    /// The caller's ID: a range of the request's bytes.
    case given(Range<Int>)
    /// A generated ID: 32 hexadecimal digits.
    case made(RequestNumber)

    /// Longest ID of a caller, in bytes.
    static let lengthMax = 128

    /// Whether a caller's ID is accepted: 1 to 128 letters, digits and `-._~+/=:@`. Other
    /// characters could forge log lines.
    static func isAcceptable(_ name: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        guard 1...lengthMax ~= name.count else { return false }
        for index in name where !isAcceptable(bytes[index]) { return false }
        return true
    }

    private static func isAcceptable(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "-")...UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "~"),
            UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: "@"):
            true
        default: false
        }
    }

    /// Length of the ID in bytes.
    package var length: Int {
        switch self {
        case .given(let range): range.count
        case .made: 32
        }
    }

    /// Appends the ID.
    ///
    /// - Parameter input: the bytes of the request.
    package func append(to output: inout OutputSpan<UInt8>, _ input: Span<UInt8>) {
        switch self {
        case .given(let range): output.append(copying: input.extracting(range))
        case .made(let number):
            output.append(hexadecimal: number.generator, digits: 16)
            output.append(hexadecimal: number.count, digits: 16)
        }
    }

    package func text(_ input: Span<UInt8>) -> String {
        String(decoding: [UInt8](capacity: length) { append(to: &$0, input) }, as: UTF8.self)
    }
}

/// Generates request IDs that are unique across servers, loops and processes: a random half and a
/// counter.
package struct RequestNumber: Equatable {
    /// A random number for each generator.
    let generator: UInt64
    /// The number of IDs generated so far.
    private(set) var count: UInt64 = 0

    init() {
        var random = SystemRandomNumberGenerator()
        generator = random.next()
    }

    mutating func next() -> RequestNumber {
        count += 1
        return self
    }
}
