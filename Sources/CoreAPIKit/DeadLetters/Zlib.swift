/// Decompresses zlib data (RFC 1950, RFC 1951): rq compresses the traceback of a failed job.
struct Zlib {
    private let input: [UInt8]
    private let outputBytesMax: Int
    private var position = 2
    private var bits: UInt64 = 0
    private var bitCount = 0
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

    /// Reads whole bytes until there are as many bits, or the input ends.
    private mutating func fill(_ count: Int) {
        while bitCount < count, position < input.count {
            bits |= UInt64(input[position]) << UInt64(bitCount)
            position += 1
            bitCount += 8
        }
    }

    private mutating func drop(_ count: Int) throws(Malformed) {
        guard count <= bitCount else { throw Malformed() }
        bits >>= UInt64(count)
        bitCount -= count
    }

    /// The next bits, at most 16, the lowest first.
    private mutating func take(_ count: Int) throws(Malformed) -> Int {
        fill(count)
        let value = Int(bits & ((1 << UInt64(count)) - 1))
        try drop(count)
        return value
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
        _ symbol: Int, _ table: [(base: Int, bits: Int)]
    ) throws(Malformed) -> Int {
        guard symbol < table.count else { throw Malformed() }
        return table[symbol].base + (try take(table[symbol].bits))
    }

    // MARK: - Codes

    /// A canonical Huffman code, as a table by the next `bits` bits: a symbol, times 16, and the
    /// length of its code; 0 for bits that are no code.
    private struct Code {
        let bits: Int
        private(set) var entries: [UInt16]

        init(lengths: ArraySlice<Int>) {
            bits = lengths.max() ?? 0
            entries = [UInt16](repeating: 0, count: 1 << bits)
            var counts = [Int](repeating: 0, count: 16)
            for length in lengths where length > 0 { counts[length] += 1 }
            var next = [Int](repeating: 0, count: 17)
            for length in 1...15 { next[length + 1] = (next[length] + counts[length]) << 1 }
            for (symbol, length) in lengths.enumerated() where length > 0 {
                let code = next[length]
                next[length] += 1
                // More codes than the length has: the data is malformed, and has none of these.
                guard code >> length == 0 else { continue }
                var index = Code.reversed(code, length)
                while index < entries.count {
                    entries[index] = UInt16(symbol << 4 | length)
                    index += 1 << length
                }
            }
        }

        private static func reversed(_ code: Int, _ length: Int) -> Int {
            var (rest, result) = (code, 0)
            for _ in 0..<length {
                result = result << 1 | rest & 1
                rest >>= 1
            }
            return result
        }
    }

    private mutating func next(_ code: Code) throws(Malformed) -> Int {
        fill(code.bits)
        let entry = code.entries[Int(truncatingIfNeeded: bits) & (code.entries.count - 1)]
        guard entry > 0 else { throw Malformed() }
        try drop(Int(entry & 15))
        return Int(entry >> 4)
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
    ) -> [(base: Int, bits: Int)] {
        var (base, table) = (start, [(base: Int, bits: Int)]())
        for symbol in 0..<count {
            let bits = max(0, symbol / step - 1)
            table.append((base, bits))
            base += 1 << bits
        }
        return table
    }
}
