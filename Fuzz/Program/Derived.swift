/// Choices that depend only on an input's bytes, so that a finding can be repeated, and inputs need
/// no header with options.
struct Derived {
    private var state: UInt64

    /// FNV-1a over the bytes.
    init(from bytes: [UInt8]) {
        state = 0xCBF2_9CE4_8422_2325
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    /// The next number from 0 up to, but not including, the bound (SplitMix64).
    mutating func number(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }

    /// The bytes in ways in which they could arrive: split in two, in several, and one by one.
    static func splits(of bytes: [UInt8]) -> [[ArraySlice<UInt8>]] {
        guard bytes.count > 1 else { return [] }
        var derived = Derived(from: bytes)
        let middle = 1 + derived.number(below: bytes.count - 1)
        var several: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + 1 + derived.number(below: 1 + bytes.count / 3))
            several.append(bytes[start..<end])
            start = end
        }
        return [
            [bytes[..<middle], bytes[middle...]], several, bytes.indices.map { bytes[$0...$0] },
        ]
    }
}
