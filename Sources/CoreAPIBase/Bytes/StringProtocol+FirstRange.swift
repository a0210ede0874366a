extension StringProtocol {
    /// The first range of the words; nil if the text does not contain them.
    ///
    /// The standard library's `firstRange(of:)` links a regular expression engine of 1.4 MB into
    /// the binary, which scripts/check-binary.sh refuses.
    ///
    /// - Parameter words: ASCII.
    package func firstRange(ofASCII words: String) -> Range<Index>? {
        var start = utf8.startIndex
        while start != utf8.endIndex {
            if utf8[start...].starts(with: words.utf8) {
                return start..<utf8.index(start, offsetBy: words.utf8.count)
            }
            utf8.formIndex(after: &start)
        }
        return nil
    }
}
