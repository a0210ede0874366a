internal import CoreAPIBase
internal import CoreAPIKit
internal import Logging

/// Checks who may see the console: HTTP Basic (RFC 7617), user `operator`. Only the console's loop
/// uses it.
///
/// A wrong password is answered after a second. Until then further requests of the same address are
/// refused without a check, so that an address has one guess a second, and other addresses are not
/// slowed down. A caller that hangs up does not end that second.
///
/// At most `waitingMax` addresses have such a second at once. At the limit no password is compared,
/// so that the refusal says nothing about it; only the addresses that gave the right password last
/// are still checked, so that a flood does not lock those operators out. An IPv6 network of 64 bits
/// is one address.
final class SignIn: @unchecked Sendable {
    enum Verdict {
        case right
        /// No user and password are given.
        case missing
        case wrong
        /// The password was not compared: the address has a wrong one that is not answered yet, or
        /// too many addresses have.
        case tooMany
    }

    private let logger: Logger
    private let clock: ConsoleClock
    /// `operator:password` in Base64 (RFC 4648 §4).
    private var expected: [UInt8]
    /// The addresses whose wrong password is not answered yet.
    private var waiting: Set<String> = []
    /// The addresses that gave the right password, the last one at the end.
    private var accepted: [String] = []
    private var warning = WarningLimit()

    static let user = "operator"
    private static let delayMilliseconds = 1_000
    /// With `acceptedMax`, the limit of the operators' connections that wrong passwords hold.
    static let waitingMax = 16
    static let acceptedMax = 8

    init(_ configuration: ConsoleConfiguration, clock: ConsoleClock, logger: Logger) {
        expected = SignIn.credentials(configuration.password)
        self.clock = clock
        self.logger = logger
    }

    /// - Parameters:
    ///   - authorization: the value of the field; nil without it.
    ///   - peer: the caller's address.
    func verdict(_ authorization: [UInt8]?, peer: String) async -> Verdict {
        let address = SocketAddress.network(ofHost: peer)
        if waiting.contains(address) { return .tooMany }
        guard let authorization, !authorization.isEmpty else { return .missing }
        guard waiting.count < SignIn.waitingMax || accepted.contains(address) else {
            warnOfFlood()
            return .tooMany
        }
        if isRight(authorization) {
            accept(address)
            return .right
        }
        waiting.insert(address)
        logger.warning("console: a wrong user or password", metadata: ["peer": "\(peer)"])
        await clock.wait(milliseconds: SignIn.delayMilliseconds)
        waiting.remove(address)
        return .wrong
    }

    private func accept(_ address: String) {
        if accepted.last == address { return }
        accepted.removeAll { $0 == address }
        if accepted.count == SignIn.acceptedMax { accepted.removeFirst() }
        accepted.append(address)
    }

    private func warnOfFlood() {
        guard warning.isDue(now: .now()) else { return }
        logger.warning(
            "console: wrong passwords from too many addresses: no other address is checked",
            metadata: ["addresses": "\(waiting.count)"])
    }

    /// Compares in a time that depends on the length of what is given alone.
    private func isRight(_ authorization: [UInt8]) -> Bool {
        let scheme = authorization.prefix(6).map { $0 | 0x20 }
        guard scheme == Array("basic ".utf8) else { return false }
        let given = authorization[6...].drop { $0 == UInt8(ascii: " ") }
        var difference: UInt8 = given.count == expected.count ? 0 : 1
        for (index, byte) in given.enumerated() {
            difference |= byte ^ expected[index % expected.count]
        }
        return difference == 0
    }

    static func credentials(_ password: [UInt8]) -> [UInt8] {
        let bytes = Array("\(user):".utf8) + password
        let digits = Base64URL.encode(bytes.span).map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        return digits + Array(repeating: UInt8(ascii: "="), count: (3 - bytes.count % 3) % 3)
    }

    /// Takes another password from now on.
    func use(_ password: [UInt8]) { expected = SignIn.credentials(password) }
}
