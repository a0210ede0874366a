internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// `GET /transaction/{id}`: what became of a transaction of the token's user.
enum StatusEndpoint {
    /// Of another user's transaction, of one that is not kept, of one that never was, and of an id
    /// that is none: one answer, so that it tells nothing of what others have.
    static let unknown = Problem(
        code: .transactionUnknown,
        detail: "no transaction of this user has this id, or its status is not kept any more")

    static func refusal(_ error: TransactionStatusError) -> Problem {
        switch error {
        case .overloaded:
            Problem(
                code: .overloaded,
                detail: "too many requests for a status wait for the queue: try again later")
        case .unavailable:
            Problem(
                code: .queueUnavailable,
                detail: "the queue cannot be asked for the status: try again later")
        }
    }

    /// The problem as an answer that no cache keeps: it is about one user's transactions.
    static func uncached(_ problem: Problem) -> Problem {
        var problem = problem
        problem.header.append(("Cache-Control", "no-store"))
        return problem
    }

    /// The id in the path of a request, in any case (RFC 9562 §4); nil if it is none.
    static func id(_ head: RequestHead, _ bytes: Span<UInt8>) -> TransactionID? {
        guard case .path(let path) = head.target,
            let match = Routes.table.match(path, bytes)
        else { return nil }
        return TransactionID(String(decoding: match.parameter, as: UTF8.self).lowercased())
    }

    /// - Parameter further: further fields.
    static func response(
        _ status: TransactionStatus, further: [(name: StaticString, value: String)]
    ) -> Response {
        var json = JSONWriter()
        write(status, to: &json)
        json.raw("}")
        var fields = ResponseFields()
        fields.add("Cache-Control", "no-store")
        for (name, value) in further { fields.add(name, value) }
        return Response(
            status: .ok, contentType: MediaType.json, fields: fields, body: json.bytes)
    }

    /// Writes the members of an object, without its end.
    static func write(_ status: TransactionStatus, to json: inout JSONWriter) {
        json.raw("{\"id\":")
        json.text(status.id.description)
        json.raw(",\"status\":")
        json.text(status.state.rawValue)
        json.raw(",\"amount\":")
        json.integer(status.amount.minorUnits)
        json.raw(",\"currency\":")
        json.text("\(status.currency)")
        json.raw(",\"user_id\":")
        json.integer(status.userID)
        json.raw(",\"created_at\":")
        json.text(status.createdAt.timestamp)
        json.raw(",\"updated_at\":")
        json.text(status.updatedAt.timestamp)
        json.raw(",\"attempts\":")
        json.integer(status.attempts)
    }
}
