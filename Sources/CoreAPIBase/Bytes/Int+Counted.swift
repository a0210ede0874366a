extension Int {
    /// The number with its noun: `1 dead letter`, `2 dead letters`.
    ///
    /// - Parameter noun: in the singular, of which the plural ends in `s`.
    package func counted(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}
