import Testing

@testable import CoreAPIRedis

struct MovingQueueTests {
    @Test(arguments: 1...8) func `a queue has the elements of an array in their order`(seed: Int) {
        var (queue, array): (MovingQueue<Int>, [Int]) = ([], [])
        var state = UInt64(seed)
        for number in 0..<2_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // The queue grows for a while, then shrinks.
            switch state >> 60 {
            case 0..<(number % 400 < 200 ? 7 : 5):
                queue.append(number)
                array.append(number)
            case 14:
                queue.prepend(number)
                array.insert(number, at: 0)
            case 15 where !array.isEmpty:
                queue[queue.endIndex - 1] = number
                array[array.endIndex - 1] = number
            default:
                #expect(queue.popFirst() == (array.isEmpty ? nil : array.removeFirst()))
            }
            #expect(queue.elementsEqual(array))
            #expect(queue.isEmpty == array.isEmpty)
            #expect(queue.first == array.first)
        }
    }

    @Test func `a queue releases what it has given out`() {
        final class Object {}
        var queue: MovingQueue<Object> = []
        weak var first: Object?
        do {
            let object = Object()
            first = object
            queue.append(object)
        }
        queue.append(Object())
        #expect(first != nil)
        _ = queue.popFirst()
        #expect(first == nil)
        #expect(queue.count == 1)
    }
}
