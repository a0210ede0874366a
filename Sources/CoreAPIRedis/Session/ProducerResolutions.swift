/// The waiters of one event with their results. One alone, as at low load, needs no array.
package enum ProducerResolutions<Waiter> {
    package typealias Element = ProducerSession<Waiter>.Resolution

    case none
    case one(Element)
    case many([Element])

    package var isEmpty: Bool {
        switch self {
        case .none: true
        case .one: false
        case .many(let elements): elements.isEmpty
        }
    }

    /// In their order.
    package var array: [Element] {
        switch self {
        case .none: []
        case .one(let element): [element]
        case .many(let elements): elements
        }
    }

    mutating func append(_ element: consuming Element) {
        switch exchange(&self, with: .none) {
        case .none: self = .one(element)
        case .one(let first): self = .many([first, element])
        case .many(var elements):
            elements.append(element)
            self = .many(elements)
        }
    }

    /// Makes room for as many, if there are none yet.
    mutating func reserve(_ count: Int) {
        guard count > 1, isEmpty else { return }
        var elements: [Element] = []
        elements.reserveCapacity(count)
        self = .many(elements)
    }
}

extension ProducerResolutions: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: Element...) {
        self = .none
        for element in elements { append(element) }
    }
}

extension ProducerResolutions: Equatable where Waiter: Equatable {
    package static func == (left: Self, right: Self) -> Bool { left.array == right.array }
}
