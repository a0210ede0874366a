/// What Redis did with a message.
package enum ProducerOutcome: Equatable, Sendable {
    case applied
    /// The message's key was there before, with this text: nothing was applied now.
    case found([UInt8])
}
