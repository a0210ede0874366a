internal import Glibc

extension ASCII {
    /// The first position of the byte in the range; nil if the range lacks it.
    package static func find(
        _ byte: UInt8, _ range: Range<Int>, of bytes: Span<UInt8>
    ) -> Int? {
        unsafe bytes.extracting(range).withUnsafeBufferPointer { bytes in
            guard let start = unsafe UnsafeRawPointer(bytes.baseAddress),
                let found = unsafe memchr(start, Int32(byte), bytes.count)
            else { return nil }
            return unsafe range.lowerBound &+ (UnsafeRawPointer(found) - start)
        }
    }
}
