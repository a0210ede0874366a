internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// `POST /transaction`: the media type, the token's place, the checks, the queue, the answer.
///
/// A class, since a request looks at it several times, and a copy counts each of its references.
final class TransactionEndpoint: Sendable {
    private let checks: TransactionChecks
    private let queue: any CallbackTransactionQueue

    init(checks: TransactionChecks, queue: any CallbackTransactionQueue) {
        self.checks = checks
        self.queue = queue
    }

    /// The same, but for the verifier that judges tokens.
    func with(_ verifier: HMACTokenVerifier) -> TransactionEndpoint {
        TransactionEndpoint(checks: checks.with(verifier), queue: queue)
    }

    /// What is wrong with the head alone, before the body is looked at.
    static func refusal(_ head: RequestHead, _ bytes: Span<UInt8>) -> Response? {
        if head.isEncoded {
            var response = Problem(
                code: .unsupportedMediaType,
                detail: "the body must have no Content-Encoding, or identity"
            ).response
            response.refusesEncoding = true
            return response
        }
        guard let contentType = head.contentType, !isJSON(contentType, bytes) else { return nil }
        return Problem(
            code: .unsupportedMediaType, detail: "the Content-Type must be application/json"
        ).response
    }

    /// The checks, which need the request's bytes; what has passed them is held by `pending`.
    func check(
        _ head: RequestHead, _ bytes: Span<UInt8>, body: Span<UInt8>,
        into pending: PendingTransaction
    ) throws(Problem) {
        let transaction: Transaction
        do {
            transaction = try checks.transaction(
                json: body, bearerToken: bearerToken(head, bytes),
                traceParent: head.traceParent.flatMap { TraceParent(field: $0, bytes) })
        } catch {
            throw Problem(error)
        }
        pending.hold(transaction, try idempotencyKey(head, bytes))
    }

    /// The answer, if the queue has it at once; nil if `pending` is told later.
    func enqueue(_ pending: PendingTransaction) -> Response? {
        queue.enqueue(pending).map { response(to: $0, of: pending.transaction) }
    }

    func response(
        to outcome: PendingTransaction.Outcome, of transaction: Transaction
    ) -> Response {
        switch outcome {
        case .success(let outcome): return accepted(AcceptedTransaction(transaction, outcome))
        case .failure(let error):
            var response = Problem(.queue(error)).response
            if case .outcomeUnknown = error { response.unresolvedID = transaction.id }
            return response
        }
    }

    private func accepted(_ transaction: AcceptedTransaction) -> Response {
        var body: [UInt8] = []
        body.append(addingCapacity: TransactionEndpoint.acceptedBytesMax) { json in
            json.append("{\"amount\":")
            json.append(decimal: transaction.amount.minorUnits)
            json.append(",\"currency\":\"")
            transaction.currency.append(to: &json)
            json.append("\",\"user_id\":")
            json.append(decimal: transaction.userID)
            json.append("}")
        }
        return Response(
            status: .ok, contentType: .json, body: body, transactionID: transaction.id,
            isReplayed: transaction.isReplayed)
    }

    /// The names have 36 bytes with the last brace, the currency 3, the two numbers up to 19 each.
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
        let token = bytes.extracting(Grammar.trimmed((space + 1)..<value.upperBound, bytes))
        return [UInt8](capacity: token.count) { $0.append(copying: token) }
    }
}
