extension OutputSpan<UInt8> {
    /// Appends all the bytes at once; traps if there is no room for them.
    package mutating func append(copying bytes: Span<UInt8>) {
        precondition(bytes.count <= freeCapacity, "there is room for what is appended")
        unsafe bytes.withUnsafeBufferPointer { source in
            unsafe withUnsafeMutableBufferPointer { buffer, count in
                let free = unsafe UnsafeMutableBufferPointer(rebasing: buffer[count...])
                _ = unsafe free.update(fromContentsOf: source)
                count += source.count
            }
        }
    }
}
