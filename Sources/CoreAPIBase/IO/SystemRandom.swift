internal import Glibc

/// Random words from the system's generator. One call returns 256 bytes, the limit of
/// getentropy(3).
package enum SystemRandom {
    package static let wordsMax = 32

    package static func words() -> InlineArray<32, UInt64> {
        var words = InlineArray<32, UInt64>(repeating: 0)
        let result = unsafe withUnsafeMutableBytes(of: &words) { bytes in
            unsafe getentropy(bytes.baseAddress, bytes.count)
        }
        precondition(result == 0, "SystemRandom.words: getentropy(3) failed")
        return words
    }
}
