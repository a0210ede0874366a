@testable internal import CoreAPIKit

/// A JWK Set: the parser of bytes that an issuer publishes.
enum KeySetTarget {
    static func run(_ bytes: [UInt8]) {
        let outcome = parse(bytes)
        demand(parse(bytes) == outcome, "a set is read in two ways")
        guard case .success(let set) = outcome else { return }
        demand(bytes.count <= JSONWebKeySet.bytesMax, "a set of \(bytes.count) bytes")
        demand(set.count <= JSONWebKeySet.keysMax, "\(set.count) keys")
        demand(set.used.count + set.unused.count == set.count, "keys are lost")
        for key in set.used { demand(!key.isEmpty, "a used key serves no algorithm") }
        demand(!set.used.joined().contains(.hs256), "a key of a set serves HS256")
    }

    private struct Reading: Equatable {
        let count: Int
        /// The algorithms of each used key.
        let used: [[TokenAlgorithm]]
        let unused: [UnusedKey]
    }

    private static func parse(_ bytes: [UInt8]) -> Result<Reading, KeySetError> {
        do throws(KeySetError) {
            let set = try JSONWebKeySet(parsing: bytes)
            for key in set.keys {
                for verifier in key.verifiers {
                    let wrong = [UInt8](repeating: 1, count: verifier.signatureBytes)
                    demand(!verifier.verifies(wrong.span, of: bytes.span), "any signature")
                }
            }
            let used = set.keys.map { $0.verifiers.flatMap(\.names) }
            return .success(Reading(count: set.count, used: used, unused: set.unusedKeys))
        } catch {
            return .failure(error)
        }
    }
}
