internal import Glibc

/// Random numbers of the system's generator, as many as it gives by one call: 256 bytes
/// (getentropy(3)).
package enum SystemRandom {
    package static let wordsMax = 32

    package static func words() -> InlineArray<32, UInt64> {
        var words = InlineArray<32, UInt64>(repeating: 0)
        let result = unsafe withUnsafeMutableBytes(of: &words) { bytes in
            unsafe getentropy(bytes.baseAddress, bytes.count)
        }
        precondition(result == 0, "the system's generator gives 256 bytes")
        return words
    }
}
