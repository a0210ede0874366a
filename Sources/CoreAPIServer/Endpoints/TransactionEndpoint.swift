internal import CoreAPIKit

/// `POST /transaction`: the media type, the token's place, the intake, the answer.
///
/// A class, since a request looks at it several times, and a copy of it would be five references.
final class TransactionEndpoint: Sendable {
    private let intake: TransactionIntake

    init(intake: TransactionIntake) { self.intake = intake }

    /// The same, but for the verifier that judges tokens.
    func with(_ verifier: HMACTokenVerifier) -> TransactionEndpoint {
        var intake = intake
        intake.verifier = verifier
        return TransactionEndpoint(intake: intake)
    }

    /// What is wrong with the head alone, before the body is looked at.
    static func refusal(_ head: RequestHead, _ bytes: Span<UInt8>) -> Response? {
        guard let contentType = head.contentType, !isJSON(contentType, bytes) else { return nil }
        return Problem(
            code: .unsupportedMediaType, detail: "the Content-Type must be application/json"
        ).response
    }

    /// The checks, which need the request's bytes, and then only those.
    func check(
        _ head: RequestHead, _ bytes: Span<UInt8>, body: Span<UInt8>
    ) throws(Problem) -> CheckedTransaction {
        let transaction: Transaction
        do {
            transaction = try intake.check(
                json: body, bearerToken: bearerToken(head, bytes),
                traceParent: head.traceParent.flatMap { TraceParent(field: $0, bytes) })
        } catch {
            throw Problem(error)
        }
        return CheckedTransaction(
            transaction: transaction, idempotencyKey: try idempotencyKey(head, bytes))
    }

    /// The queue, and the answer once it has confirmed.
    func enqueue(_ checked: CheckedTransaction) async -> Response {
        do {
            return accepted(
                try await intake.enqueue(checked.transaction, checked.idempotencyKey))
        } catch {
            var response = Problem(error).response
            if case .queue(.outcomeUnknown) = error {
                response.unresolvedID = checked.transaction.id
            }
            return response
        }
    }

    private func accepted(_ transaction: AcceptedTransaction) -> Response {
        let parts = TransactionEndpoint.acceptedParts
        var body: [UInt8] = []
        body.append(addingCapacity: TransactionEndpoint.acceptedBytesMax) { json in
            json.append(copying: parts.amount.span)
            json.append(decimal: transaction.amount.minorUnits)
            json.append(copying: parts.currency.span)
            transaction.currency.append(to: &json)
            json.append(copying: parts.user.span)
            json.append(decimal: transaction.userID)
            json.append(UInt8(ascii: "}"))
        }
        return Response(
            status: .ok, contentType: .json, body: body, transactionID: transaction.id,
            isReplayed: transaction.isReplayed)
    }

    private static let acceptedParts = (
        amount: Array("{\"amount\":".utf8), currency: Array(",\"currency\":\"".utf8),
        user: Array("\",\"user_id\":".utf8)
    )
    /// The parts have 36 bytes with the last brace, the currency 3, the two numbers up to 19 each.
    private static let acceptedBytesMax = 80

    private func idempotencyKey(
        _ head: RequestHead, _ bytes: Span<UInt8>
    ) throws(Problem) -> IdempotencyKey? {
        guard let field = head.idempotencyKey else { return nil }
        guard !head.repeatsIdempotencyKey, let key = IdempotencyKey(field: field, bytes) else {
            throw Problem(
                code: .invalidIdempotencyKey,
                detail: "give one Idempotency-Key of 1 to 255 visible ASCII characters, "
                    + "such as \"8e03978e-40d5-43dd-bc93-6894a57f9324\"")
        }
        return key
    }

    /// `application/json`, with parameters or without (RFC 9110 §8.3.1).
    private static func isJSON(_ contentType: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        let end = ASCII.find(UInt8(ascii: ";"), contentType, of: bytes) ?? contentType.upperBound
        let type = Grammar.trimmed(contentType.lowerBound..<end, bytes)
        return Grammar.equalsIgnoringCase("application/json", type, bytes)
    }

    /// `Bearer` and a token (RFC 6750 §2.1); nil for other schemes, which are none of ours.
    private func bearerToken(_ head: RequestHead, _ bytes: Span<UInt8>) -> [UInt8]? {
        guard let value = head.authorization,
            let space = ASCII.find(Grammar.space, value, of: bytes),
            Grammar.equalsIgnoringCase("bearer", value.lowerBound..<space, bytes)
        else { return nil }
        return Grammar.trimmed((space + 1)..<value.upperBound, bytes).map { bytes[$0] }
    }
}

/// A transaction that has passed the checks, with its caller's key for it.
struct CheckedTransaction {
    let transaction: Transaction
    let idempotencyKey: IdempotencyKey?
}
