extension StaticString {
    /// A byte of a literal; traps if the index is out of bounds.
    ///
    /// The compiler knows the literal, so results computed from it become constants.
    @inlinable @inline(__always) package func byte(at index: Int) -> UInt8 {
        precondition(
            index >= 0 && index < utf8CodeUnitCount, "StaticString.byte(at:): index out of bounds")
        return unsafe utf8Start[index]
    }
}
