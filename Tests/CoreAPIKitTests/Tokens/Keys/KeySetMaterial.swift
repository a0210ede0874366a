import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit

/// Key sets of tests.
enum KeySetMaterial {
    /// The public key of a PEM key as JSON, with other members in place of `kid`, `use` and `alg`.
    static func webKey(_ pem: String, members: String = "") throws -> String {
        let key = try PEMKey(Array(pem.utf8)).webKey(keyID: "k")
        let start = try #require(key.firstRange(of: #","use":"sig""#)).upperBound
        var rest = key[start...]
        if rest.hasPrefix(#","alg""#) {
            rest = rest.dropFirst(8)
            rest = rest[(try #require(rest.firstIndex(of: ",")))...]
        }
        return "{" + (members.isEmpty ? String(rest.dropFirst()) : members + rest)
    }

    static func set(_ keys: String...) throws -> JSONWebKeySet {
        try JSONWebKeySet(parsing: #"{"keys":[\#(keys.joined(separator: ","))]}"#)
    }
}
