/// The last elements, up to a limit.
struct Ring<Element> {
    private let countMax: Int
    private var elements: [Element] = []
    /// The place of the oldest element, which the next one replaces once the ring is full.
    private var oldest = 0

    init(countMax: Int) { self.countMax = countMax }

    mutating func add(_ element: Element) {
        if elements.count < countMax {
            elements.append(element)
        } else {
            elements[oldest] = element
            oldest = (oldest + 1) % countMax
        }
    }

    /// The elements, the oldest first.
    var inOrder: [Element] { Array(elements[oldest...] + elements[..<oldest]) }
}
