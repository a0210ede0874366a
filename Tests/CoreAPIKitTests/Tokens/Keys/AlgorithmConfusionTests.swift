import Foundation
import TestKeys
import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit

/// A public key is known to everybody: a MAC with any form of it must never be believed (RFC 8725
/// §2.1), nor a signature of one algorithm under the name of another.
@Suite struct AlgorithmConfusionTests {
    private static let secret = "a secret of more than thirty-two bytes"
    private static let payload = #"{"user_id":7,"enabled":true,"exp":4102444800}"#

    private static func encoded(_ bytes: [UInt8]) -> String {
        String(decoding: Base64URL.encode(bytes.span), as: UTF8.self)
    }

    private func verifiers(_ key: String) throws -> [any TokenVerifier] {
        let keys = try KeySetMaterial.set(key)
        return [
            KeySetTokenVerifier(keySet: keys),
            KeySetTokenVerifier(keySet: keys, algorithms: Set(TokenAlgorithm.allCases)),
            try TokenVerifiers.verifier(
                secrets: [Array(Self.secret.utf8)], keys: .available(keys), policy: TokenPolicy()),
        ]
    }

    /// Every form of a public key that could be taken for a secret.
    private func forms(_ pem: String) throws -> [[UInt8]] {
        let key = try PEMKey(Array(pem.utf8))
        let web = key.webKey(keyID: "k")
        let subject = try SubjectPublicKeyInfo.der(key.material)
        let base64 = Data(subject).base64EncodedString()
        let lines = stride(from: 0, to: base64.count, by: 64).map {
            base64.dropFirst($0).prefix(64)
        }
        let body = lines.joined(separator: "\n")
        let text = "-----BEGIN PUBLIC KEY-----\n\(body)\n-----END PUBLIC KEY-----"
        var forms = [web, text, text + "\n", base64, body, pem].map { Array($0.utf8) }
        forms += [subject, []]
        for (_, value) in key.material.requiredMembers {
            forms.append(Array(value.utf8))
            let digits = Array(value.utf8)
            if let decoded = Base64URL.decode(digits.indices, of: digits.span) {
                forms.append(decoded)
            }
        }
        return forms
    }

    @Test(arguments: [
        TestKeys.rsa, TestKeys.p256, TestKeys.p384, TestKeys.p521,
        TestKeys.ed25519,
    ])
    func `a MAC with a form of the public key is never believed`(pem: String) throws {
        let verifiers = try verifiers(
            try KeySetMaterial.webKey(pem, members: #""kid":"k""#))
        for form in try forms(pem) {
            for name in ["HS256", "HS384", "HS512", "RS256", "ES256", "ES384", "ES512", "EdDSA"] {
                for kid in ["", #","kid":"k""#] {
                    let header = Self.encoded(Array(#"{"alg":"\#(name)"\#(kid)}"#.utf8))
                    let input = "\(header).\(Self.encoded(Array(Self.payload.utf8)))"
                    let code = HMACSHA256(key: form).code(of: Array(input.utf8).span)
                    let token = "\(input).\(Self.encoded(code.indices.map { code[$0] }))"
                    for verifier in verifiers {
                        #expect(!isSigned(token, verifier), "\(name) \(form.count)")
                    }
                }
            }
        }
    }

    @Test func `a key of type oct in a set verifies nothing`() throws {
        let octets = Self.encoded(Array(Self.secret.utf8))
        let other = try KeySetMaterial.webKey(TestKeys.p256)
        let keys = try KeySetMaterial.set(
            #"{"kty":"oct","alg":"HS256","kid":"k","k":"\#(octets)"}"#, other)
        let header = #"{"alg":"HS256","kid":"k"}"#
        let token = try TokenIssuer(secret: Self.secret).sign(
            header: Array(header.utf8), payload: Array(Self.payload.utf8))
        let all = Set(TokenAlgorithm.allCases)
        #expect(!isSigned(token, KeySetTokenVerifier(keySet: keys, algorithms: all)))
        let joined = try TokenVerifiers.verifier(
            secrets: [Array("another secret of more than 32 bytes".utf8)],
            keys: .available(keys), policy: TokenPolicy())
        #expect(!isSigned(token, joined))
    }

    @Test func `a signature under the name of another algorithm is not believed`() throws {
        let pems = [
            TestKeys.rsa, TestKeys.p256, TestKeys.p384, TestKeys.p521,
            TestKeys.ed25519,
        ]
        let keys = try pems.map { try KeySetMaterial.webKey($0) }
        let set = try JSONWebKeySet(parsing: #"{"keys":[\#(keys.joined(separator: ","))]}"#)
        let verifier = KeySetTokenVerifier(keySet: set)
        let edwards: Set<TokenAlgorithm> = [.ed25519, .edDSA]
        for pem in pems {
            for algorithm in TokenAlgorithm.allCases {
                guard
                    let issuer = try? TokenIssuer(
                        privateKey: Array(pem.utf8), algorithm: algorithm)
                else { continue }
                for name in TokenAlgorithm.allCases {
                    let header = #"{"alg":"\#(name.rawValue)"}"#
                    let token = issuer.sign(
                        header: Array(header.utf8), payload: Array(Self.payload.utf8))
                    let isSame = name == algorithm || edwards.isSuperset(of: [name, algorithm])
                    #expect(isSigned(token, verifier) == isSame, "\(algorithm) as \(name)")
                }
            }
        }
    }
}
