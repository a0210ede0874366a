import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit

@Suite struct SignatureVectorTests {
    @Test func `tokens of independent signers are believed, of every algorithm and key size`()
        throws
    {
        let vectors = try SignatureVectors("signers.txt").vectors
        #expect(vectors.count == 4 * 6 + 3 + 2)
        for vector in vectors {
            let set = try JSONWebKeySet(parsing: vector.keys)
            #expect(set.unusedKeys == [])
            guard case .token(let token) = vector.check else { continue }
            let claims = try KeySetTokenVerifier(keySet: set).verify(
                token, at: UnixTime(seconds: 1_700_000_000))
            #expect(claims.userID == 7, "\(vector.name)")
        }
    }

    @Test func `a changed bit of a signature, of its input or of its length is noticed`() throws {
        for vector in try SignatureVectors("signers.txt").vectors {
            guard case .token(let token) = vector.check else { continue }
            let verifier = KeySetTokenVerifier(keySet: try JSONWebKeySet(parsing: vector.keys))
            let parts = token.split(separator: ".").map { Array($0.utf8) }
            let digits = parts[2]
            let decoded = Base64URL.decode(digits.indices, of: digits.span)
            let signature = try #require(decoded)
            let input = String(decoding: parts[0] + [0x2E] + parts[1], as: UTF8.self)
            func refused(_ changed: [UInt8]) -> Bool {
                let text = String(decoding: Base64URL.encode(changed.span), as: UTF8.self)
                return !isSigned("\(input).\(text)", verifier)
            }
            for index in [0, signature.count / 2, signature.count - 1] {
                var changed = signature
                changed[index] ^= 1
                #expect(refused(changed), "\(vector.name) byte \(index)")
            }
            #expect(refused(signature + [0]), "\(vector.name) longer")
            #expect(refused([0] + signature), "\(vector.name) with a zero in front")
            #expect(refused(Array(signature.dropLast())), "\(vector.name) shorter")
            #expect(refused(Array(signature.dropFirst())), "\(vector.name) shorter in front")
            #expect(refused([]), "\(vector.name) empty")
            let other = input.replacing("eyJ1c2VyX2lkIjo3", with: "eyJ1c2VyX2lkIjo4")
            let text = String(decoding: digits, as: UTF8.self)
            #expect(other != input && !isSigned("\(other).\(text)", verifier), "\(vector.name)")
        }
    }

    /// Vectors that Wycheproof calls valid and this library refuses, with the reason.
    private static let stricter = [
        "signature-1-acceptsValid": "an oct key: HS256 is a matter of the secret",
        "signature-346-Figure20": "the token's PS384 is not the key's alg PS256",
        "signature-350-Figure20": "the token's PS384 is not the key's alg PS256",
        "signature-347-Figure27": "the key's alg ES521 does not exist",
        "signature-351-Figure27": "the key's alg ES521 does not exist",
    ]

    @Test func `the vectors of Wycheproof have the results that they name`() throws {
        let vectors = try SignatureVectors("wycheproof.txt").vectors
        #expect(vectors.count > 1_300)
        for vector in vectors {
            let isAccepted = (try? vector.isAccepted()) ?? false
            let expected = vector.isValid && Self.stricter[vector.name] == nil
            #expect(isAccepted == expected, "\(vector.name)")
        }
    }
}
