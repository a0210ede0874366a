import CoreAPIKit
import Testing

@testable import CoreAPIBase

/// A secret is replaced without refusing a token: for a time there are two.
@Suite struct SeveralSecretsTests {
    private let now = UnixTime(seconds: 1_700_000_000)

    private func token(_ secret: String, userID: Int = 1) throws -> String {
        try TokenIssuer(secret: secret).issue(
            userID: userID, username: "alice", expiresAt: UnixTime(seconds: 1_700_000_030))
    }

    private func verifier(_ secrets: [String]) throws -> HMACTokenVerifier {
        try HMACTokenVerifier(secrets: secrets.map { Array($0.utf8) })
    }

    @Test(arguments: 1...HMACTokenVerifier.secretsMax)
    func `a token that is signed with any of the secrets is believed`(count: Int) throws {
        let secrets = (0..<count).map { "secret \($0)" }
        let verifier = try verifier(secrets)
        for (index, secret) in secrets.enumerated() {
            let claims = try verifier.verify(token(secret, userID: index), at: now)
            #expect(claims.userID == index)
        }
    }

    @Test func `a token that no secret has signed has an invalid signature`()
        throws
    {
        for secrets in [["a"], ["a", "b"], ["a", "b", "c"]] {
            let verifier = try verifier(secrets)
            for other in ["d", "A", "aa", " a", "a\n"] {
                #expect(throws: TokenError.signatureInvalid) {
                    try verifier.verify(token(other), at: now)
                }
            }
            let valid = try token("a")
            #expect(throws: TokenError.expired) {
                try verifier.verify(valid, at: UnixTime(seconds: 1_700_000_030))
            }
        }
    }

    @Test func `the policy holds for tokens of older secrets too`() throws {
        let verifier = try HMACTokenVerifier(
            secrets: [Array("new".utf8), Array("old".utf8)],
            policy: TokenPolicy(leeway: .zero, lifetimeMax: .seconds(10)))
        #expect(throws: TokenError.claimInvalid(.lifetime)) {
            try verifier.verify(token("old"), at: now)
        }
    }

    @Test func `no secret, an empty one and too many are refused`() {
        #expect(throws: SecretError.missing) { try verifier([]) }
        #expect(throws: SecretError.empty) { try verifier(["a", ""]) }
        #expect(throws: SecretError.tooMany) {
            try verifier(Array(repeating: "a", count: HMACTokenVerifier.secretsMax + 1))
        }
    }

    @Test func `an intake judges by another verifier once it has one`() async throws {
        let queue = InMemoryTransactionQueue()
        let now = now
        var intake = TransactionIntake(
            verifier: try verifier(["old"]), queue: queue, clock: { now })
        let (old, new) = (try token("old"), try token("new"))
        func refusal(_ token: String) async -> IntakeRefusal? {
            do throws(IntakeRefusal) {
                _ = try await intake.accept(amount: 1, currency: "USD", token: token)
                return nil
            } catch { return error }
        }
        #expect(await refusal(old) == nil)
        #expect(await refusal(new) == .token(.signatureInvalid))
        intake.verifier = try verifier(["new", "old"])
        #expect(await refusal(old) == nil)
        #expect(await refusal(new) == nil)
        intake.verifier = try verifier(["new"])
        #expect(await refusal(old) == .token(.signatureInvalid))
        #expect(await refusal(new) == nil)
        #expect(queue.transactions.count == 4)
    }
}
