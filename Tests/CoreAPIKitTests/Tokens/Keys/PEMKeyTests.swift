import TestKeys
import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit

@Suite struct PEMKeyTests {
    @Test(arguments: [
        (TestKeys.rsa, ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
        (TestKeys.p256, ["ES256"]), (TestKeys.p384, ["ES384"]),
        (TestKeys.p521, ["ES512"]), (TestKeys.ed25519, ["Ed25519", "EdDSA"]),
    ])
    func `an issuer signs by every algorithm of its key, and by no other`(
        pem: String, names: [String]
    ) throws {
        let key = try PEMKey(Array(pem.utf8))
        #expect(key.isPrivate)
        let set = try KeySetMaterial.set(key.webKey(keyID: nil), key.webKey(keyID: "other"))
        let all = try KeySetMaterial.set(try KeySetMaterial.webKey(pem))
        #expect(set.unusedKeys == [] && all.unusedKeys == [])
        for algorithm in TokenAlgorithm.allCases {
            guard names.contains(algorithm.rawValue) else {
                #expect(throws: PEMKeyError.algorithm) {
                    try TokenIssuer(privateKey: Array(pem.utf8), algorithm: algorithm)
                }
                continue
            }
            let issuer = try TokenIssuer(
                privateKey: Array(pem.utf8), algorithm: algorithm, keyID: nil)
            // Several, since R and S of an ECDSA signature differ in their leading zeros.
            for userID in 1...20 {
                let token = issuer.issue(
                    userID: userID, username: "a", expiresAt: UnixTime(seconds: 4_102_444_800))
                let claims = try KeySetTokenVerifier(keySet: all).verify(
                    token, at: UnixTime(seconds: 1_700_000_000))
                #expect(claims.userID == userID)
            }
        }
        let named = try TokenIssuer(
            privateKey: Array(pem.utf8), keyID: key.material.thumbprint)
        #expect(
            isSigned(
                named.issue(userID: 1, username: "a", expiresAt: UnixTime(seconds: 4_102_444_800)),
                KeySetTokenVerifier(keySet: set)))
    }

    @Test func `a web key has no private member`() throws {
        for pem in [TestKeys.rsa, TestKeys.p256, TestKeys.ed25519] {
            let key = try PEMKey(Array(pem.utf8)).webKey(keyID: "a \" kid")
            let set = try KeySetMaterial.set(key)
            #expect(set.keys.first?.keyID == Array("a \" kid".utf8))
        }
    }

    private func error(of text: String) -> PEMKeyError? {
        do throws(PEMKeyError) {
            _ = try PEMKey(Array(text.utf8))
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        [TestKeys.p256, TestKeys.other256], [TestKeys.p256, TestKeys.p256],
        [TestKeys.rsa, TestKeys.certificate, TestKeys.ed25519], [TestKeys.sec1, TestKeys.p256],
        // Neither block is one that could be read.
        ["-----BEGIN DSA PRIVATE KEY-----", "-----BEGIN RSA PUBLIC KEY-----"],
    ])
    func `of several keys none is chosen`(keys: [String]) {
        #expect(error(of: keys.joined(separator: "\n")) == .severalKeys)
        // A file without a line feed at its end, joined to another.
        #expect(error(of: keys.joined()) == .severalKeys)
        #expect(throws: PEMKeyError.severalKeys) {
            try TokenIssuer(privateKey: Array(keys.joined(separator: "\n").utf8))
        }
    }

    @Test func `parameters and certificates beside a key are no keys`() throws {
        for text in [
            TestKeys.sec1, TestKeys.certificate + "\n" + TestKeys.sec1,
            TestKeys.sec1 + "\n" + TestKeys.certificate + "\n" + TestKeys.certificate,
        ] {
            #expect(try PEMKey(Array(text.utf8)).isPrivate)
        }
        #expect(error(of: TestKeys.certificate) == .certificate)
        #expect(
            "\(PEMKeyError.certificate)"
                == "it is a certificate: openssl x509 -pubkey -noout -in FILE prints its key")
    }

    @Test func `bytes without a usable key are refused with a reason`() throws {
        func error(_ text: String) -> PEMKeyError? {
            do throws(PEMKeyError) {
                _ = try TokenIssuer(privateKey: Array(text.utf8))
                return nil
            } catch {
                return error
            }
        }
        #expect(error("") == .notKey)
        #expect(error("a secret") == .notKey)
        #expect(error(String(TestKeys.p256.dropLast(60))) == .notKey)
        #expect(error(String(repeating: "x", count: PEMKey.bytesMax + 1)) == .notKey)
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----"
        #expect(error(encrypted) == .encrypted)
        let x25519 = """
            -----BEGIN PRIVATE KEY-----
            MC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq
            -----END PRIVATE KEY-----
            """
        #expect(error(x25519) == .type)
        let isPublic = """
            -----BEGIN PUBLIC KEY-----
            MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
            -----END PUBLIC KEY-----
            """
        #expect(error(isPublic) == .notPrivate)
        let key = try PEMKey(Array(isPublic.utf8))
        #expect(!key.isPrivate)
        #expect(key.material.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    }
}
