import TestKeys
import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit

/// The rules of a key set: RFC 7517, RFC 7518 §6, RFC 8037 §2.
@Suite struct KeySetParsingTests {
    typealias Reason = UnusedKey.Reason

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: Base64URL.encode(bytes.span), as: UTF8.self)
    }

    /// The reason why the only key of a set is not used; nil if it is.
    private func reason(_ key: String) throws -> Reason? {
        let set = try KeySetMaterial.set(key)
        #expect(set.count == 1)
        #expect(set.hasUsableKey == set.unusedKeys.isEmpty)
        return set.unusedKeys.first?.reason
    }

    // MARK: - What a key may do

    @Test(
        arguments: [
            (#""use":"sig""#, nil), (#""use":"enc""#, .use), (#""use":"Sig""#, .use),
            (#""use":1"#, .use), (#""use":null"#, .use),
            (#""key_ops":["verify"]"#, nil), (#""key_ops":["sign","verify"]"#, nil),
            (#""key_ops":["sign"]"#, .operations), (#""key_ops":[]"#, .operations),
            (#""key_ops":"verify""#, .operations), (#""key_ops":["verify",1]"#, .operations),
            (#""key_ops":["verify","verify"]"#, .operations),
            (#""key_ops":["verify","sign","\u0073ign"]"#, .operations),
            (#""use":"sig","key_ops":["encrypt"]"#, .operations),
            (#""use":"enc","key_ops":["verify"]"#, .use),
            (#""alg":"ES256""#, nil), (#""alg":"ES384""#, .algorithm),
            (#""alg":"RS256""#, .algorithm),
            (#""alg":"HS256""#, .algorithm), (#""alg":"none""#, .algorithm),
            (#""alg":1"#, .algorithm),
            (#""alg":"ECDH-ES""#, .algorithm), (#""alg":"es256""#, .algorithm),
            (#""kid":"a""#, nil), (#""kid":"""#, nil), (#""kid":1"#, .keyID),
            (#""kid":null"#, .keyID),
            (#""x5c":["AAAA"],"x5t":"AA","ext":true"#, nil), (#""\u0075se":"enc""#, .use),
        ] as [(String, Reason?)])
    func `a key is used as its members permit`(members: String, expected: Reason?) throws {
        let key = try KeySetMaterial.webKey(TestKeys.p256, members: members)
        #expect(try reason(key) == expected)
    }

    @Test(arguments: [
        (TestKeys.rsa, ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
        (TestKeys.p256, ["ES256"]), (TestKeys.p384, ["ES384"]),
        (TestKeys.p521, ["ES512"]), (TestKeys.ed25519, ["Ed25519", "EdDSA"]),
    ])
    func `a key without alg serves the algorithms of its type alone`(
        pem: String, names: [String]
    ) throws {
        let set = try KeySetMaterial.set(try KeySetMaterial.webKey(pem))
        let key = try #require(set.keys.first)
        let served = TokenAlgorithm.allCases.filter { key.verifier($0) != nil }
        #expect(served.map(\.rawValue) == names)
    }

    @Test(arguments: TokenAlgorithm.allCases)
    func `a key with alg serves that algorithm alone`(algorithm: TokenAlgorithm) throws {
        for pem in [TestKeys.rsa, TestKeys.p521, TestKeys.ed25519] {
            let members = "\"alg\":\"\(algorithm.rawValue)\""
            let set = try KeySetMaterial.set(try KeySetMaterial.webKey(pem, members: members))
            // Both names of Ed25519 are one algorithm (RFC 9864 §2.2).
            let same: Set<TokenAlgorithm> =
                [.ed25519, .edDSA].contains(algorithm) ? [.ed25519, .edDSA] : [algorithm]
            for other in TokenAlgorithm.allCases where set.keys.first?.verifier(other) != nil {
                #expect(same.contains(other), "\(other)")
            }
        }
    }

    @Test(
        arguments: [
            (#"{"kty":"oct","k":"AAAA"}"#, .symmetric),
            (#"{"kty":"AKP","alg":"ML-DSA-44"}"#, .type),
            (#"{"kty":"rsa"}"#, .type), (#"{"kty":1}"#, .type), ("{}", .type),
            (#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#, .curve),
            (#"{"kty":"EC","crv":"p-256","x":"AA","y":"AA"}"#, .curve),
            (#"{"kty":"EC","x":"AA","y":"AA"}"#, .curve),
            (#"{"kty":"OKP","crv":"Ed448","x":"AA"}"#, .curve),
            (#"{"kty":"OKP","crv":"X25519","x":"AA"}"#, .curve),
            (#"{"kty":"RSA","e":"AQAB"}"#, .members), (#"{"kty":"RSA","n":"AQAB"}"#, .members),
            (#"{"kty":"EC","crv":"P-256","x":"AA"}"#, .members),
            (#"{"kty":"OKP","crv":"Ed25519"}"#, .members),
            (#"{"kty":"OKP","crv":"Ed25519","x":"AA=="}"#, .members),
            (#"{"kty":"OKP","crv":"Ed25519","x":"AB"}"#, .members),
            (#"{"kty":"OKP","crv":"Ed25519","x":"A+"}"#, .members),
            (#"{"kty":"OKP","crv":"Ed25519","x":1}"#, .members),
        ] as [(String, Reason)])
    func `a key that is unknown or incomplete is passed over`(
        key: String, expected: Reason
    ) throws {
        #expect(try reason(key) == expected)
    }

    // MARK: - Numbers

    @Test(arguments: [
        (2_047, false), (2_048, true), (2_049, true), (4_096, true), (8_192, true), (8_193, false),
        (1_024, false), (16_384, false),
    ])
    func `an RSA modulus has 2048 to 8192 bits`(bits: Int, isUsed: Bool) throws {
        let first = UInt8((1 << ((bits - 1) % 8 + 1)) - 1)
        // Not a product of two primes, which nobody looks for.
        let modulus = [first] + [UInt8](repeating: 0xD7, count: (bits - 1) / 8)
        let key = #"{"kty":"RSA","e":"AQAB","n":"\#(Self.text(modulus))"}"#
        #expect(try reason(key) == (isUsed ? nil : .modulus))
        #expect(try reason(key.replacing(#""n":""#, with: #""n":"AAAA"#)) == .modulus, "zeros")
        let even = Array(modulus.dropLast()) + [0xD6]
        let text = Self.text(even)
        #expect(try reason(#"{"kty":"RSA","e":"AQAB","n":"\#(text)"}"#) == .modulus, "even")
    }

    @Test(
        arguments: [
            ([1], false), ([3], true), ([17], true), ([1, 0, 1], true), ([2], false),
            ([1, 0, 0], false),
            ([0], false), ([], false), ([0, 3], false), ([1, 0, 0, 0, 0, 0, 0, 1], true),
            ([1, 0, 0, 0, 0, 0, 0, 0, 1], false),
        ] as [([UInt8], Bool)])
    func `an RSA exponent is odd, above 1 and short`(exponent: [UInt8], isUsed: Bool) throws {
        let key = try KeySetMaterial.webKey(TestKeys.rsa)
        let changed = key.replacing(#""e":"AQAB""#, with: #""e":"\#(Self.text(exponent))""#)
        #expect(try reason(changed) == (isUsed ? nil : .exponent))
    }

    @Test(arguments: [
        (TestKeys.p256, 32), (TestKeys.p384, 48), (TestKeys.p521, 66),
    ])
    func `a point of an EC key has coordinates of full length and is on the curve`(
        pem: String, length: Int
    ) throws {
        let material = try PEMKey(Array(pem.utf8)).material
        guard case .ec(let curve, let x, let y) = material else { return }
        #expect(x.count == length && y.count == length)
        func reason(_ x: [UInt8], _ y: [UInt8], curve name: String = curve.name) throws -> Reason? {
            try self.reason(
                #"{"kty":"EC","crv":"\#(name)","x":"\#(Self.text(x))","y":"\#(Self.text(y))"}"#)
        }
        #expect(try reason(x, y) == nil)
        #expect(try reason([0] + x, y) == .coordinates)
        #expect(try reason(x, [0] + y) == .coordinates)
        #expect(try reason(Array(x.dropFirst()), y) == .coordinates)
        #expect(try reason(x, []) == .coordinates)
        #expect(try reason(y, x) == .point)
        var other = y
        other[length - 1] ^= 1
        #expect(try reason(x, other) == .point)
        let zeros = [UInt8](repeating: 0, count: length)
        #expect(try reason(zeros, zeros) == .point)
        #expect(try reason([UInt8](repeating: 0xFF, count: length), y) == .point)
        for name in ["P-256", "P-384", "P-521"] where name != curve.name {
            #expect(try reason(x, y, curve: name) == .coordinates)
        }
    }

    @Test(arguments: [
        ("0000000000000000000000000000000000000000000000000000000000000000", Reason.smallOrder),
        ("0000000000000000000000000000000000000000000000000000000000000080", .smallOrder),
        ("0100000000000000000000000000000000000000000000000000000000000000", .smallOrder),
        ("0100000000000000000000000000000000000000000000000000000000000080", .smallOrder),
        ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", .smallOrder),
        ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", .smallOrder),
        ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", .smallOrder),
        ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", .smallOrder),
        ("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", .smallOrder),
        ("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", .smallOrder),
        // y of p and more: p, p + 1, 2^255 - 1, and with the sign of x.
        ("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", .coordinates),
        ("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", .coordinates),
        ("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", .coordinates),
        ("01", .coordinates),
    ])
    func `an Ed25519 key of small order or out of range is passed over`(
        hexadecimal: String, expected: Reason
    ) throws {
        let digits = Array(hexadecimal)
        let point = try stride(from: 0, to: digits.count, by: 2).map {
            try #require(UInt8(String(digits[$0...($0 + 1)]), radix: 16))
        }
        let key = #"{"kty":"OKP","crv":"Ed25519","x":"\#(Self.text(point))"}"#
        #expect(try reason(key) == expected)
    }

    // Computed with Python's integers.
    @Test(
        arguments: [
            ([3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 19, 21, 23, 24, 25, 26, 27, 28, 29], nil),
            ([2, 7, 8, 11, 12, 13, 17, 20, 22], .point),
        ] as [([UInt8], Reason?)])
    func `the point of an Ed25519 key is on the curve`(ys: [UInt8], expected: Reason?) throws {
        for y in ys {
            // With either sign of x.
            for last in [0, 0x80] as [UInt8] {
                let point = [y] + [UInt8](repeating: 0, count: 30) + [last]
                let key = #"{"kty":"OKP","crv":"Ed25519","x":"\#(Self.text(point))"}"#
                #expect(try reason(key) == expected, "\(y)")
            }
        }
        // p - 3 and p - 2: the curve has -y with y.
        for (first, expected) in [(0xEA, nil), (0xEB, .point)] as [(UInt8, Reason?)] {
            let point = [first] + [UInt8](repeating: 0xFF, count: 30) + [0x7F]
            let key = #"{"kty":"OKP","crv":"Ed25519","x":"\#(Self.text(point))"}"#
            #expect(try reason(key) == expected)
        }
    }

    // MARK: - The set

    @Test(arguments: ["d", "p", "q", "dp", "dq", "qi", "oth", "priv", #"\u0064"#])
    func `a set with a private member is refused as a whole`(name: String) throws {
        let good = try KeySetMaterial.webKey(TestKeys.p256)
        for start in [
            #"{"kty":"RSA""#, #"{"kty":"EC""#, #"{"kty":"OKP""#, #"{"kty":"new""#, "{\"a\":1",
        ] {
            #expect(throws: KeySetError.privateKey(index: 1)) {
                try KeySetMaterial.set(good, start + #","\#(name)":"AA"}"#)
            }
        }
    }

    @Test func `a set that is not one is refused`() throws {
        for text in ["", "[]", "{", "null", #"{"keys":[]}x"#, #"{"keys":[],"keys":[]}"#, "\u{0}"] {
            #expect(throws: KeySetError.notObject, "\(text)") { try JSONWebKeySet(parsing: text) }
        }
        for text in ["{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"Keys":[]}"#] {
            #expect(throws: KeySetError.noKeys, "\(text)") { try JSONWebKeySet(parsing: text) }
        }
        for key in ["1", "[]", "null", #"{"kty":"EC","kty":"RSA"}"#, #"{"n":1,"\u006e":2}"#] {
            #expect(throws: KeySetError.notKey(index: 0)) { try KeySetMaterial.set(key) }
        }
    }

    @Test func `a set has bounds`() throws {
        let keys = [String](repeating: "{}", count: JSONWebKeySet.keysMax)
        func set(_ keys: [String]) throws -> JSONWebKeySet {
            try JSONWebKeySet(parsing: #"{"keys":[\#(keys.joined(separator: ", "))]}"#)
        }
        #expect(try set(keys).count == 100)
        #expect(throws: KeySetError.tooMany) { try set(keys + ["{}"]) }
        let empty = #"{"keys":[]}"#
        let spaces = String(repeating: " ", count: JSONWebKeySet.bytesMax - empty.utf8.count)
        #expect(try !JSONWebKeySet(parsing: empty + spaces).hasUsableKey)
        #expect(throws: KeySetError.tooLarge) { try JSONWebKeySet(parsing: empty + spaces + " ") }
    }

    @Test func `keys beside an unused one are used, and the unused one has a name`() throws {
        let good = try KeySetMaterial.webKey(TestKeys.p256, members: #""kid":"good""#)
        let bad = try KeySetMaterial.webKey(
            TestKeys.ed25519, members: #""kid":"bad","use":"enc""#)
        let set = try KeySetMaterial.set(bad, good)
        #expect(set.count == 2 && set.hasUsableKey)
        #expect(set.unusedKeys == [UnusedKey(index: 0, keyID: "bad", reason: .use)])
    }

    @Test func `an algorithm with more keys than are tried without kid is found`() throws {
        let (small, large) = (
            try KeySetMaterial.webKey(TestKeys.p256), try KeySetMaterial.webKey(TestKeys.p384)
        )
        func names(
            _ keys: [String], _ algorithms: Set<TokenAlgorithm> = TokenAlgorithm.asymmetric
        ) throws -> [TokenAlgorithm] {
            let set = try JSONWebKeySet(
                parsing: "{\"keys\":[\(keys.joined(separator: ","))]}")
            return set.algorithmsWithUntriedKeys(algorithms)
        }
        let most = Array(repeating: small, count: KeySetTokenVerifier.attemptsMax)
        #expect(try names(most) == [])
        #expect(try names(most + [large]) == [])
        #expect(try names(most + [small]) == [.es256])
        #expect(try names(most + [small], [.es384]) == [])
        let rsa = try KeySetMaterial.webKey(TestKeys.rsa)
        #expect(
            try names(Array(repeating: rsa, count: 5))
                == [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512])
    }
}
