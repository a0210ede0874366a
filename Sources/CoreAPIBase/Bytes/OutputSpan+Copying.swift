extension OutputSpan<UInt8> {
    /// Appends all the bytes at once; traps if there is no room for them.
    package mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { source in unsafe append(source) }
    }

    /// Appends a literal; traps if there is no room for it.
    @inlinable @inline(__always) package mutating func append(_ literal: StaticString) {
        unsafe append(
            UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    @usableFromInline @inline(__always)
    package mutating func append(_ source: UnsafeBufferPointer<UInt8>) {
        precondition(source.count <= freeCapacity, "there is room for what is appended")
        unsafe withUnsafeMutableBufferPointer { buffer, count in
            guard let start = buffer.baseAddress, let first = source.baseAddress else { return }
            unsafe (start + count).initialize(from: first, count: source.count)
            count += source.count
        }
    }
}
