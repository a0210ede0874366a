/// The weakness of RSA keys that a library of smart cards made (CVE-2017-15361): the primes are
/// powers of 65537 modulo small primes, and so is the modulus. Such a key can be factored.
enum ROCAWeakness {
    /// The primes that the library used for its shortest keys.
    private static let primes: [Int] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
        101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ]

    /// Whether the modulus, big-endian, is a power of 65537 modulo each of the primes. Of other
    /// moduli, one in 2^27 or fewer is.
    static func has(_ modulus: [UInt8]) -> Bool {
        primes.allSatisfy { prime in
            let rest = modulus.reduce(0) { ($0 * 256 + Int($1)) % prime }
            var power = 1
            repeat {
                if power == rest { return true }
                power = power * 65_537 % prime
            } while power != 1
            return false
        }
    }
}
