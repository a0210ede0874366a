internal import CBareMAC

/// HMAC-SHA256 by libcrypto and C alone.
enum BareMAC: CaseIterable {
    case sha256Copied
    case evpAgain
    case evpDuplicated

    /// Must be called first, with a key of at most 64 bytes.
    static func prepare(_ key: [UInt8]) {
        let result = unsafe bare_mac_prepare(key, key.count)
        precondition(result == 1, "bare_mac_prepare() failed")
    }

    /// The code of the message's first `count` bytes.
    func code(of message: [UInt8], count: Int) -> InlineArray<32, UInt8> {
        var code = InlineArray<32, UInt8>(repeating: 0)
        var bytes = code.mutableSpan
        let result = unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            switch self {
            case .sha256Copied: unsafe bare_mac_sha256_copied(message, count, bytes.baseAddress)
            case .evpAgain: unsafe bare_mac_evp_again(message, count, bytes.baseAddress)
            case .evpDuplicated: unsafe bare_mac_evp_duplicated(message, count, bytes.baseAddress)
            }
        }
        precondition(result == 1, "bare_mac function failed")
        return code
    }
}
