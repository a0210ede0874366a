import CoreAPIBase
import Foundation
import Testing

/// An Ed25519 key of an issuer, made by the openssl command, which also signs: independent of the
/// code that verifies.
final class IssuerKey: Sendable {
    let keyID: String
    /// The public key in JWK (RFC 8037 §2).
    let jwk: String
    private let folder: URL

    init(_ keyID: String) async throws {
        self.keyID = keyID
        folder = FileManager.default.temporaryDirectory
            .appending(path: "core-api-key-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let key = folder.appending(path: "key.pem").path
        let publicKey = folder.appending(path: "key.der")
        for arguments in [
            ["genpkey", "-algorithm", "ed25519", "-out", key],
            ["pkey", "-in", key, "-pubout", "-outform", "DER", "-out", publicKey.path],
        ] {
            let result = try await Program.run("openssl", arguments)
            try #require(result.status == 0, "\(result.errors)")
        }
        // RFC 8410 §4: the last 32 bytes are the key.
        let x = IssuerKey.base64URL(try Data(contentsOf: publicKey).suffix(32))
        jwk =
            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\","
            + "\"kid\":\"\(keyID)\",\"x\":\"\(x)\"}"
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// A token, valid for an hour.
    ///
    /// - Parameter keyID: the `kid` of its header; nil for the key's own.
    func token(keyID: String? = nil, userID: Int = 1) async throws -> String {
        let expiry = UnixTime.now().wholeSeconds + 3_600
        let header = "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"\(keyID ?? self.keyID)\"}"
        let claims =
            "{\"user_id\":\(userID),\"username\":\"alice\",\"enabled\":true,\"exp\":\(expiry)}"
        let input = [header, claims].map { IssuerKey.base64URL(Data($0.utf8)) }
            .joined(separator: ".")
        let name = UUID().uuidString
        let (message, signature) = (
            folder.appending(path: name), folder.appending(path: name + "s")
        )
        try Data(input.utf8).write(to: message)
        let result = try await Program.run(
            "openssl",
            [
                "pkeyutl", "-sign", "-inkey", folder.appending(path: "key.pem").path, "-rawin",
                "-in", message.path, "-out", signature.path,
            ])
        try #require(result.status == 0, "\(result.errors)")
        return input + "." + IssuerKey.base64URL(try Data(contentsOf: signature))
    }

    static func keySet(_ keys: [IssuerKey]) -> String {
        "{\"keys\":[" + keys.map(\.jwk).joined(separator: ",") + "]}"
    }

    static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }
}
