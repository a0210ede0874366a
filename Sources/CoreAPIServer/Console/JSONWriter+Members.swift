internal import CoreAPIBase

extension JSONWriter {
    /// Writes a list of values with commas between them.
    mutating func list<Element>(
        _ elements: [Element], _ write: (inout JSONWriter, Element) -> Void
    ) {
        raw("[")
        for (index, element) in elements.enumerated() {
            if index > 0 { raw(",") }
            write(&self, element)
        }
        raw("]")
    }

    /// Writes a number with up to three digits of fraction, or `null`.
    mutating func number(_ value: Double?) {
        guard let value, value.isFinite, abs(value) < 1e12 else { return raw("null") }
        if let whole = Int(exactly: value) { return integer(whole) }
        thousandths(Int((value * 1_000).rounded()))
    }

    /// Begins a member of an object.
    ///
    /// - Parameter isFirst: whether no member is before it.
    mutating func member(_ name: String, isFirst: Bool = false) {
        raw(isFirst ? "{\"\(name)\":" : ",\"\(name)\":")
    }

    /// Writes a member whose value is a text, or `null`.
    mutating func member(_ name: String, _ value: String?, isFirst: Bool = false) {
        member(name, isFirst: isFirst)
        if let value { text(value) } else { raw("null") }
    }

    /// Writes a member whose value is a number, or `null`.
    mutating func member(_ name: String, _ value: Double?, isFirst: Bool = false) {
        member(name, isFirst: isFirst)
        number(value)
    }

    /// Writes a member whose value is a whole number, or `null`.
    mutating func member(_ name: String, _ value: Int?, isFirst: Bool = false) {
        member(name, value.map { Double($0) }, isFirst: isFirst)
    }

    /// Writes a member whose value is a list of whole numbers, in their order.
    mutating func member(_ name: String, _ values: some Collection<Int>) {
        member(name)
        list(values.sorted()) { $0.integer($1) }
    }
}
