import Foundation
import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit

/// A file of vectors: Vectors/generate.py says what a line is.
struct SignatureVectors {
    struct Vector {
        let name: String
        let isValid: Bool
        let keys: String
        let check: Check
    }

    enum Check {
        case token(String)
        case bytes(TokenAlgorithm, message: [UInt8], signature: [UInt8])
    }

    let vectors: [Vector]

    init(_ file: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(
            contentsOf: folder.appending(path: "Vectors/\(file)"), encoding: .utf8)
        var (vectors, keys): ([Vector], String) = ([], "")
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ").map(String.init)
            switch words[0] {
            case "keys": keys = words[2...].joined(separator: " ")
            case "token":
                let check = Check.token(words[2])
                vectors.append(Vector(name: words[1], isValid: true, keys: keys, check: check))
            case "jws":
                let check = Check.token(words[3])
                vectors.append(
                    Vector(name: words[2], isValid: words[1] == "valid", keys: keys, check: check))
            default:
                let algorithm = try #require(TokenAlgorithm(rawValue: words[3]))
                let check = Check.bytes(
                    algorithm, message: try SignatureVectors.decoded(words[4]),
                    signature: try SignatureVectors.decoded(words[5]))
                vectors.append(
                    Vector(name: words[2], isValid: words[1] == "valid", keys: keys, check: check))
            }
        }
        self.vectors = vectors
    }

    static func decoded(_ text: String) throws -> [UInt8] {
        if text == "-" { return [] }
        let digits = Array(text.utf8)
        let decoded = Base64URL.decode(digits.indices, of: digits.span)
        return try #require(decoded)
    }
}

extension SignatureVectors.Vector {
    /// Whether the keys accept the signature. The claims are not looked at.
    func isAccepted() throws -> Bool {
        let set = try JSONWebKeySet(parsing: keys)
        switch check {
        case .token(let token):
            return isSigned(token, KeySetTokenVerifier(keySet: set))
        case .bytes(let algorithm, let message, let signature):
            let verifier = set.keys.first?.verifier(algorithm)
            return verifier?.verifies(signature.span, of: message.span) ?? false
        }
    }
}

/// Whether a token passes all checks up to its signature.
func isSigned(_ token: String, _ verifier: any TokenVerifier) -> Bool {
    do throws(TokenError) {
        _ = try verifier.verify(token, at: UnixTime(seconds: 1_700_000_000))
        return true
    } catch {
        switch error {
        case .malformed(.payloadNotObject), .expired, .claimInvalid, .notYetValid: return true
        default: return false
        }
    }
}
