import CoreAPIKit

/// Takes in a transaction whose token is signed with a key that its issuer publishes.
func accept(_ token: String, signedBy published: [UInt8]) async throws -> AcceptedTransaction {
    let keySet = try JSONWebKeySet(parsing: published)
    for key in keySet.unusedKeys { print("key \(key.index) is not used: \(key.reason.rawValue)") }
    let verifier = KeySetTokenVerifier(
        keySet: keySet, policy: TokenPolicy(), algorithms: [.ed25519, .es256])
    let intake = TransactionIntake(verifier: verifier, queue: InMemoryTransactionQueue())
    return try await intake.accept(amount: 100, currency: "USD", token: token)
}

/// The example with a key of RFC 8037, which everybody knows.
func acceptByPublicKey() async throws {
    let privateKey = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
        -----END PRIVATE KEY-----
        """
    let published = """
        {"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026","use":"sig",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
        """
    let token = try TokenIssuer(privateKey: Array(privateKey.utf8), keyID: "2026").issue(
        userID: 1, username: "alice",
        expiresAt: UnixTime(seconds: UnixTime.now().wholeSeconds + 30))
    let accepted = try await accept(token, signedBy: Array(published.utf8))
    precondition(accepted.userID == 1)
}
