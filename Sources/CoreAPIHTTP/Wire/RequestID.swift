internal import CoreAPIBase

/// What a request is called in its answer (`X-Request-Id`) and in the logs.
package enum RequestID: Equatable {
    /// As its caller calls it: a range of the request's bytes.
    case given(Range<Int>)
    /// A name of our own: 32 hexadecimal digits.
    case made(RequestNumber)

    /// How long a caller's name may be, in bytes.
    static let lengthMax = 128

    /// Whether a caller's name is taken: letters, digits and `-._~+/=:@`, not too many. Others
    /// could pretend to be something else in a log.
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

    /// How many bytes the name has.
    package var length: Int {
        switch self {
        case .given(let range): range.count
        case .made: 32
        }
    }

    /// Appends the name.
    ///
    /// - Parameter input: the bytes of the request.
    package func append(to output: inout OutputSpan<UInt8>, _ input: Span<UInt8>) {
        switch self {
        case .given(let range): output.append(copying: input.extracting(range))
        case .made(let number):
            output.append(hexadecimal: number.worker, digits: 16)
            output.append(hexadecimal: number.count, digits: 16)
        }
    }

    package func text(_ input: Span<UInt8>) -> String {
        String(decoding: [UInt8](capacity: length) { append(to: &$0, input) }, as: UTF8.self)
    }
}

/// Numbers requests: no two have the same, of whatever worker or process.
package struct RequestNumber: Equatable {
    /// Random, so that it is another one for each worker of each process.
    let worker: UInt64
    /// How many it has numbered.
    private(set) var count: UInt64 = 0

    init() {
        var generator = SystemRandomNumberGenerator()
        worker = generator.next()
    }

    mutating func next() -> RequestNumber {
        count += 1
        return self
    }
}
