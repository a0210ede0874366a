/// The part of a key of Core API's own that puts the key into the slot of its queue.
package enum HashTag {
    /// `{KEY}`, or the key itself if it has braces: those are its hash tag already.
    ///
    /// - Parameter key: the queue's own key.
    package static func text(of key: [UInt8]) -> [UInt8] {
        key.contains(UInt8(ascii: "{"))
            ? key : [UInt8(ascii: "{")] + key + [UInt8(ascii: "}")]
    }
}
