internal import CoreAPIBase

/// The sentinels of a URL, and the name by which they know the master:
///
///     redis-sentinel://[user[:password]@]host[:port][,host[:port]…][/db]?master=NAME
///     rediss-sentinel://…
///
/// The login before the hosts is Redis's. The sentinels have their own: the parameters
/// `sentinel_username` and `sentinel_password`, percent-encoded.
package struct RedisSentinels: Hashable, Sendable {
    /// 1 to `RedisURLAuthority.addressesMax` addresses, each once.
    package let addresses: [RedisAddress]
    /// The name of the master, of the characters that Sentinel's documentation allows.
    package let master: String
    /// The user of the sentinels' access control list; nil for the default user.
    package let user: String?
    /// The decoded password of the sentinels; nil without a password.
    package let password: String?
    /// Whether connections to the sentinels and to the master are encrypted.
    package let usesTLS: Bool

    /// `26379`.
    package static let defaultPort: UInt16 = 26_379
    /// Limit of the name's bytes.
    private static let masterBytesMax = 255

    init(
        _ authority: RedisURLAuthority, _ parameters: RedisSentinelParameters, usesTLS: Bool
    ) throws(RedisURLError) {
        addresses = try authority.addresses(
            defaultPort: RedisSentinels.defaultPort, otherwise: .sentinels)
        guard let master = parameters.master, RedisSentinels.isName(master) else { throw .master }
        self.master = master
        user = parameters.user
        password = parameters.password
        self.usesTLS = usesTLS
    }

    /// Sentinel's documentation: letters, digits, and the three characters `.-_`.
    private static func isName(_ text: String) -> Bool {
        1...masterBytesMax ~= text.utf8.count
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                    UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

/// The parameters of a URL that concern the sentinels.
struct RedisSentinelParameters {
    private(set) var master: String?
    private(set) var user: String?
    private(set) var password: String?

    /// Takes one parameter; false if it does not concern the sentinels. Throws if it is repeated.
    mutating func take(_ name: Substring, _ value: Substring) throws(RedisURLError) -> Bool {
        guard ["master", "sentinel_username", "sentinel_password"].contains(name) else {
            return false
        }
        guard let decoded = RedisURLParts.decode(value) else { throw .percentEncoding }
        let text = decoded.isEmpty ? nil : decoded
        switch name {
        case "master" where master == nil: master = text
        case "sentinel_username" where user == nil: user = text
        case "sentinel_password" where password == nil: password = text
        default: throw .sentinelParameter
        }
        return true
    }
}
