import CoreAPIKit

// An embedder: a service that takes transactions in without the HTTP server.
//
//     embedder-example                 with fakes, as in a unit test
//     embedder-example redis://…       with a real Redis

let arguments = CommandLine.arguments.dropFirst()

if let url = arguments.first {
    let secret = "a secret of 32 bytes or more, from the Auth API"
    let token = try TokenIssuer(secret: secret).issue(
        userID: 1, username: "alice", expiresAt: UnixTime(seconds: UnixTime.now().wholeSeconds + 30)
    )

    let verifier = try HMACTokenVerifier(secret: secret)
    let queue = try await StreamTransactionQueue(url: url, key: "transactions")
    let intake = TransactionIntake(verifier: verifier, queue: queue)
    let accepted = try await intake.accept(amount: 100, currency: "USD", token: token)
    print("accepted \(accepted.id): \(accepted.amount.minorUnits) \(accepted.currency)")
} else {
    let alice = try TokenClaims(userID: 1, isEnabled: true)
    let queue = InMemoryTransactionQueue()
    let intake = TransactionIntake(
        verifier: FixedTokenVerifier(["token of alice": alice]), queue: queue)

    let accepted = try await intake.accept(
        amount: 100, currency: "USD", token: "token of alice")
    precondition(queue.take()?.id == accepted.id)

    do throws(IntakeRefusal) {
        _ = try await intake.accept(amount: 0, currency: "XAU", token: "token of alice")
    } catch {
        guard case .invalid(let problems) = error else { throw error }
        for problem in problems { print("\(problem.pointer): \(problem.detail)") }
    }

    try await acceptByPublicKey()
}
