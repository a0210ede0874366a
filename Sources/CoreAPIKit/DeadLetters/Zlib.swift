/// Decompresses zlib data (RFC 1950, RFC 1951): rq compresses the traceback of a failed job.
struct Zlib {
    private let input: [UInt8]
    private let outputBytesMax: Int
    private var position = 2
    private var bits: UInt32 = 0
    private var bitCount: UInt32 = 0
    private var output: [UInt8] = []

    private struct Malformed: Error {}

    /// The decompressed bytes; nil if the data is malformed or has more than `bytesMax` bytes.
    static func decompress(_ input: [UInt8], bytesMax: Int) -> [UInt8]? {
        guard isZlib(input) else { return nil }
        var zlib = Zlib(input: input, outputBytesMax: bytesMax)
        do { try zlib.inflate() } catch { return nil }
        return zlib.output
    }

    /// Whether the data begins with a header of zlib, without a preset dictionary.
    static func isZlib(_ input: [UInt8]) -> Bool {
        input.count >= 2 && input[0] & 15 == 8 && input[1] & 32 == 0
            && (Int(input[0]) * 256 + Int(input[1])) % 31 == 0
    }

    private init(input: [UInt8], outputBytesMax: Int) {
        self.input = input
        self.outputBytesMax = outputBytesMax
    }

    private mutating func inflate() throws(Malformed) {
        var isLast = false
        while !isLast {
            isLast = try take(1) == 1
            switch try take(2) {
            case 0: try copyStored()
            case 1: try copyCompressed(Zlib.fixed.literals, Zlib.fixed.distances)
            case 2:
                let (literals, distances) = try codes()
                try copyCompressed(literals, distances)
            default: throw Malformed()
            }
        }
    }

    /// The next bits, the lowest first.
    private mutating func take(_ count: UInt32) throws(Malformed) -> Int {
        while bitCount < count {
            guard position < input.count else { throw Malformed() }
            bits |= UInt32(input[position]) << bitCount
            position += 1
            bitCount += 8
        }
        let value = bits & ((1 << count) - 1)
        bits >>= count
        bitCount -= count
        return Int(value)
    }

    private mutating func append(_ byte: UInt8) throws(Malformed) {
        guard output.count < outputBytesMax else { throw Malformed() }
        output.append(byte)
    }

    private mutating func copyStored() throws(Malformed) {
        _ = try take(bitCount % 8)
        let length = try take(16)
        guard try take(16) == length ^ 0xFFFF else { throw Malformed() }
        for _ in 0..<length { try append(UInt8(try take(8))) }
    }

    private mutating func copyCompressed(
        _ literals: Code, _ distances: Code
    ) throws(Malformed) {
        while true {
            let symbol = try next(literals)
            if symbol < 256 {
                try append(UInt8(symbol))
                continue
            }
            if symbol == 256 { return }
            let length = try extended(symbol - 257, Zlib.lengths)
            let distance = try extended(try next(distances), Zlib.distances)
            guard distance <= output.count else { throw Malformed() }
            for _ in 0..<length { try append(output[output.count - distance]) }
        }
    }

    /// A length or distance: the base of its symbol and its extra bits.
    private mutating func extended(
        _ symbol: Int, _ table: [(base: Int, bits: UInt32)]
    ) throws(Malformed) -> Int {
        guard symbol < table.count else { throw Malformed() }
        return table[symbol].base + (try take(table[symbol].bits))
    }

    // MARK: - Codes

    /// A canonical Huffman code: the number of symbols of each length, and the symbols in order.
    private struct Code {
        var counts = [Int](repeating: 0, count: 16)
        var symbols: [Int] = []

        init(lengths: ArraySlice<Int>) {
            for length in lengths { counts[length] += 1 }
            counts[0] = 0
            for length in 1...15 where counts[length] > 0 {
                for (symbol, other) in lengths.enumerated() where other == length {
                    symbols.append(symbol)
                }
            }
        }
    }

    private mutating func next(_ code: Code) throws(Malformed) -> Int {
        var (value, first, index) = (0, 0, 0)
        for length in 1...15 {
            value |= try take(1)
            let count = code.counts[length]
            if value - first < count {
                guard value >= first else { throw Malformed() }
                return code.symbols[index + value - first]
            }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw Malformed()
    }

    /// The codes of a block that has its own (RFC 1951, section 3.2.7).
    private mutating func codes() throws(Malformed) -> (Code, Code) {
        let literalCount = try take(5) + 257
        let distanceCount = try take(5) + 1
        let lengthCount = try take(4) + 4
        var lengths = [Int](repeating: 0, count: 19)
        for index in 0..<lengthCount { lengths[Zlib.order[index]] = try take(3) }
        let code = Code(lengths: lengths[...])
        var all: [Int] = []
        while all.count < literalCount + distanceCount {
            let symbol = try next(code)
            switch symbol {
            case 16:
                guard let last = all.last else { throw Malformed() }
                all += Array(repeating: last, count: try take(2) + 3)
            case 17: all += Array(repeating: 0, count: try take(3) + 3)
            case 18: all += Array(repeating: 0, count: try take(7) + 11)
            default: all.append(symbol)
            }
        }
        guard all.count == literalCount + distanceCount else { throw Malformed() }
        return (Code(lengths: all[..<literalCount]), Code(lengths: all[literalCount...]))
    }

    private static let order = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ]
    private static let fixed = (
        literals: Code(
            lengths: (Array(repeating: 8, count: 144) + Array(repeating: 9, count: 112)
                + Array(repeating: 7, count: 24) + Array(repeating: 8, count: 8))[...]),
        distances: Code(lengths: Array(repeating: 5, count: 30)[...])
    )
    private static let lengths = Zlib.table(from: 3, step: 4, count: 28) + [(258, 0)]
    private static let distances = Zlib.table(from: 1, step: 2, count: 30)

    /// Bases and extra bits that grow by one each `step` symbols, from the second group on.
    private static func table(
        from start: Int, step: Int, count: Int
    ) -> [(base: Int, bits: UInt32)] {
        var (base, table) = (start, [(base: Int, bits: UInt32)]())
        for symbol in 0..<count {
            let bits = UInt32(max(0, symbol / step - 1))
            table.append((base, bits))
            base += 1 << bits
        }
        return table
    }
}
