extension StaticString {
    /// A byte of a literal; traps if it has none there.
    ///
    /// All of a literal is known to the compiler, which makes constants of what is computed of it.
    @inlinable @inline(__always) package func byte(at index: Int) -> UInt8 {
        precondition(index >= 0 && index < utf8CodeUnitCount, "a byte is asked for that is there")
        return unsafe utf8Start[index]
    }
}
