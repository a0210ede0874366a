/// A queue in an array, whose elements are moved in and out: `Deque.append` copies its argument,
/// and so counts each reference that a batch has.
struct MovingQueue<Element>: RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral {
    /// Nil before the first element.
    private var elements: [Element?]
    private(set) var startIndex = 0

    init(arrayLiteral elements: Element...) { self.elements = elements }

    var endIndex: Int { elements.count }

    subscript(index: Int) -> Element {
        get {
            guard let element = elements[index] else {
                preconditionFailure("MovingQueue: index before the first element")
            }
            return element
        }
        set { elements[index] = newValue }
    }

    mutating func append(_ element: consuming Element) { elements.append(element) }

    mutating func prepend(_ element: consuming Element) {
        guard startIndex > 0 else { return elements.insert(element, at: 0) }
        startIndex -= 1
        elements[startIndex] = element
    }

    mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        // The only element, as at low load, leaves without a move of the rest.
        if elements.count == 1 { return elements.removeLast() }
        let first = elements[startIndex].take()
        startIndex += 1
        if startIndex > elements.count / 2 {
            elements.removeFirst(startIndex)
            startIndex = 0
        }
        return first
    }
}
