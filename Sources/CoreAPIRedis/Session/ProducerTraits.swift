internal import CoreAPIBase

/// What a batch's script has to know of each message: a digit in one word of the call. It is no
/// `OptionSet`, whose literals cost hundreds of instructions.
package struct ProducerTraits: Equatable, Sendable {
    /// 0 to 3: the first bit for `isKeyed`, the second for `isExtended`.
    let number: UInt8

    init(number: UInt8) { self.number = number }

    /// - Parameters:
    ///   - isKeyed: the script writes a record of the message, from which its outcome is read.
    ///   - isExtended: the message has a word more than the others of its queue.
    package init(isKeyed: Bool = false, isExtended: Bool = false) {
        number = (isKeyed ? 1 : 0) | (isExtended ? 2 : 0)
    }

    var isKeyed: Bool { number & 1 != 0 }

    /// The character in the call: `0` to `3`.
    package var digit: UInt8 { UInt8(ascii: "0") | number }

    /// Is added to the digit of a message that was confirmed before, in a call that tells of each
    /// (`ProducerCall.tellsOfEach`): no rule of the queue refuses it.
    package static var exemptBit: UInt8 { 4 }
}
