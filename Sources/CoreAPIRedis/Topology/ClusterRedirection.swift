internal import CoreAPIBase

/// A node of a Redis Cluster names another one that serves a slot: `MOVED 3999 10.0.0.2:6379`, or
/// for one command alone, while the slot moves, `ASK 3999 10.0.0.2:6379`.
package struct ClusterRedirection: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// The slot has another master: the whole map is to be asked for.
        case moved
        /// The key is at another node already: this command goes there behind `ASKING`.
        case ask
    }

    package let kind: Kind
    package let slot: HashSlot
    /// Nil if the node does not know the other's address (`?`).
    package let address: RedisAddress?

    /// Nil for another error, or one that names no slot or no address.
    ///
    /// - Parameter asked: the node that has answered: a redirection without a host names its host.
    package init?(_ error: RedisServerError, asked: RedisAddress) {
        let words = error.message.utf8.split(
            separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3 else { return nil }
        if words[0].elementsEqual("MOVED".utf8) {
            kind = .moved
        } else if words[0].elementsEqual("ASK".utf8) {
            kind = .ask
        } else {
            return nil
        }
        // The last colon: an IPv6 address is not in brackets.
        guard let slot = ClusterRedirection.number(words[1]).flatMap({ HashSlot($0) }),
            let colon = words[2].lastIndex(of: UInt8(ascii: ":")),
            let port = ClusterRedirection.number(words[2][words[2].index(after: colon)...])
        else { return nil }
        self.slot = slot
        do {
            address = try RedisAddress.of(
                host: words[2][..<colon], port: Int64(port), asked: asked)
        } catch { return nil }
    }

    private static func number(_ digits: Substring.UTF8View) -> Int? {
        let bytes = Array(digits)
        return Digits.integer(0..<bytes.count, of: bytes.span)
    }
}
