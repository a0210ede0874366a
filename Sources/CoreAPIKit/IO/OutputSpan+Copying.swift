extension OutputSpan<UInt8> {
    /// Appends all the bytes at once; traps if there is no room for them.
    package mutating func append(copying bytes: Span<UInt8>) {
        precondition(bytes.count <= freeCapacity, "there is room for what is appended")
        unsafe bytes.withUnsafeBufferPointer { source in
            unsafe withUnsafeMutableBufferPointer { buffer, count in
                guard let start = buffer.baseAddress, let first = source.baseAddress
                else { return }
                unsafe (start + count).initialize(from: first, count: source.count)
                count += source.count
            }
        }
    }
}
