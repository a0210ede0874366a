extension Duration {
    /// Rounded down; 0 for a negative duration, `Int.max` for one that is too long for it.
    package var wholeMilliseconds: Int {
        guard self > .zero else { return 0 }
        let (seconds, attoseconds) = components
        let (product, overflows) = Int(clamping: seconds).multipliedReportingOverflow(by: 1_000)
        let (sum, isTooLarge) = product.addingReportingOverflow(
            Int(attoseconds / 1_000_000_000_000_000))
        return overflows || isTooLarge ? .max : sum
    }

    /// Seconds with fractions.
    package var fractionalSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
