import CoreAPIKit
import HTTPTypes
import Hummingbird

/// `POST /transactions`: passes the request to the intake and answers with its result.
struct TransactionRoutes {
    let intake: TransactionIntake

    /// The longest body, in bytes; a longer one gets 413.
    private static let bodyBytesMax = 16 * 1024

    func add(to router: Router<BasicRequestContext>) {
        router.post("transactions") { request, _ in try await accept(request) }
    }

    private func accept(_ request: Request) async throws -> EditedResponse<Receipt> {
        let body = try await request.body.collect(upTo: Self.bodyBytesMax)
        let key = try idempotencyKey(request)
        let accepted: AcceptedTransaction
        do {
            accepted = try await intake.accept(
                json: Array(body.readableBytesView), bearerToken: bearerToken(request),
                idempotencyKey: key,
                traceParent: value("traceparent", of: request).flatMap { TraceParent($0) })
        } catch {
            // The type of `error` is IntakeRefusal.
            throw HTTPError(error)
        }
        return EditedResponse(
            status: accepted.isReplayed ? .ok : .created, response: Receipt(accepted))
    }

    private func bearerToken(_ request: Request) -> String? {
        let parts = request.headers[.authorization]?.split(separator: " ", maxSplits: 1) ?? []
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }

    /// The key of the request. An invalid key is refused: without it, a retry would not be safe.
    private func idempotencyKey(_ request: Request) throws(HTTPError) -> IdempotencyKey? {
        guard let value = value("Idempotency-Key", of: request) else { return nil }
        guard let key = IdempotencyKey(fieldValue: value) else {
            throw HTTPError(.badRequest, message: "Idempotency-Key is not 1 to 255 characters")
        }
        return key
    }

    private func value(_ name: String, of request: Request) -> String? {
        HTTPField.Name(name).flatMap { request.headers[$0] }
    }
}

/// The body of an answer.
struct Receipt: ResponseEncodable {
    let id: String
    let amount: Int
    let currency: String

    init(_ accepted: AcceptedTransaction) {
        id = accepted.id.description
        amount = accepted.amount.minorUnits
        currency = accepted.currency.alphabetic
    }
}
