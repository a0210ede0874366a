extension MutableSpan<UInt8> {
    /// Stores the four bytes of a word, the lowest first, in one store; traps beyond the end.
    @inline(__always) package mutating func store(four word: UInt32, at position: Int) {
        precondition(
            position >= 0 && position &+ 4 <= count, "MutableSpan.store: beyond the end")
        unsafe withUnsafeMutableBytes { bytes in
            unsafe bytes.storeBytes(
                of: word.littleEndian, toByteOffset: position, as: UInt32.self)
        }
    }
}

extension OutputSpan<UInt8> {
    /// Appends all bytes at once; traps if they exceed the free capacity.
    package mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { source in unsafe append(source) }
    }

    /// Appends a literal; traps if it exceeds the free capacity.
    @inlinable @inline(__always) package mutating func append(_ literal: StaticString) {
        unsafe append(
            UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Appends the eight bytes of a word in one store; traps if they exceed the free capacity.
    package mutating func append(eight: EightBytes) {
        precondition(
            freeCapacity >= 8, "OutputSpan.append: eight bytes exceed the free capacity")
        unsafe withUnsafeMutableBufferPointer { buffer, count in
            guard let start = buffer.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(start + count).storeBytes(
                of: eight.word.littleEndian, as: UInt64.self)
            count += 8
        }
    }

    /// Appends the bytes of several words with one check; traps if they exceed the free capacity.
    @inlinable @inline(__always)
    package mutating func append<let count: Int>(eights: InlineArray<count, EightBytes>) {
        precondition(
            freeCapacity >= 8 &* eights.count,
            "OutputSpan.append: the words exceed the free capacity")
        unsafe withUnsafeMutableBufferPointer { buffer, count in
            guard let start = buffer.baseAddress else { return }
            for index in eights.indices {
                unsafe UnsafeMutableRawPointer(start + count + 8 &* index).storeBytes(
                    of: eights[index].word.littleEndian, as: UInt64.self)
            }
            count += 8 &* eights.count
        }
    }

    /// Appends the eight bytes of a word but for the first ones; traps if they exceed the free
    /// capacity.
    ///
    /// - Parameter skipped: 0 to 7.
    package mutating func append(eight: EightBytes, droppingFirst skipped: Int) {
        precondition(
            0..<8 ~= skipped, "OutputSpan.append: a word has no bytes behind those dropped")
        guard freeCapacity >= 8 else {
            for index in skipped..<8 { append(eight[index]) }
            return
        }
        // One store: what it writes behind the bytes is free capacity.
        unsafe withUnsafeMutableBufferPointer { buffer, count in
            guard let start = buffer.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(start + count).storeBytes(
                of: (eight.word &>> UInt64(8 &* skipped)).littleEndian, as: UInt64.self)
            count += 8 - skipped
        }
    }

    @usableFromInline @inline(__always)
    package mutating func append(_ source: UnsafeBufferPointer<UInt8>) {
        precondition(
            source.count <= freeCapacity, "OutputSpan.append: the bytes exceed the free capacity")
        unsafe withUnsafeMutableBufferPointer { buffer, count in
            guard let start = buffer.baseAddress, let first = source.baseAddress else { return }
            unsafe (start + count).initialize(from: first, count: source.count)
            count += source.count
        }
    }
}
