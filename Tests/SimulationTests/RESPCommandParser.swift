/// The server's side of the Redis protocol, as far as this project speaks it: commands as arrays of
/// bulk strings, in whatever pieces they arrive.
struct RESPCommandParser {
    private var bytes: [UInt8] = []
    private var position = 0
    /// Whether the bytes were no commands.
    private(set) var isBroken = false

    mutating func feed(_ fragment: ArraySlice<UInt8>) { bytes += fragment }

    /// The next command that has arrived wholly.
    mutating func next() -> [String]? {
        let start = position
        guard let words = parse() else {
            position = start
            return nil
        }
        if position == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            position = 0
        }
        return words
    }

    private mutating func parse() -> [String]? {
        guard let count = number(after: UInt8(ascii: "*")) else { return nil }
        var words: [String] = []
        for _ in 0..<count {
            guard let length = number(after: UInt8(ascii: "$")),
                position + length + 2 <= bytes.count
            else { return nil }
            words.append(String(decoding: bytes[position..<(position + length)], as: UTF8.self))
            position += length + 2
        }
        return words
    }

    private mutating func number(after kind: UInt8) -> Int? {
        guard position < bytes.count else { return nil }
        guard bytes[position] == kind else {
            isBroken = true
            return nil
        }
        var value = 0
        var index = position + 1
        while index < bytes.count, 0x30...0x39 ~= bytes[index] {
            value = value * 10 + Int(bytes[index] - 0x30)
            index += 1
        }
        guard index + 1 < bytes.count else { return nil }
        isBroken = isBroken || bytes[index] != 0x0D || bytes[index + 1] != 0x0A
        position = index + 2
        return isBroken ? nil : value
    }
}
