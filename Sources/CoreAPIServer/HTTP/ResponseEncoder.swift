internal import CoreAPIKit

/// Writes answers as HTTP/1.1 messages (RFC 9112 §4), with `Date` and `Content-Length`.
struct ResponseEncoder {
    /// `100 Continue` (RFC 9110 §15.2.1).
    static let `continue` = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    private static let contentLength = Array("\r\nContent-Length: ".utf8)
    private static let transactionID = Array("\r\nTransaction-Id: ".utf8)
    private static let headEnd = Array("\r\n\r\n".utf8)

    /// What answers begin with, as long as status and second are the same.
    private var start: [UInt8] = []
    private var startSecond: Int64 = -1
    private var startStatus = HTTPStatus.ok

    /// How the connection goes on, for the `Connection` field (RFC 9112 §9.6).
    enum Persistence {
        /// As every connection of HTTP/1.1, so nothing is said.
        case implied
        /// As a caller of HTTP/1.0 has asked for.
        case keepAlive
        case close
    }

    /// Appends the answer to the buffer.
    ///
    /// - Parameters:
    ///   - input: the bytes of the request, of which the id may be a part.
    ///   - omitsBody: for HEAD: the fields are the same, the body is left out (RFC 9110 §9.3.2).
    mutating func append(
        _ response: Response, _ id: RequestID, _ input: Span<UInt8>, to output: inout [UInt8],
        omitsBody: Bool, _ persistence: Persistence, now: UnixTime
    ) {
        if now.wholeSeconds != startSecond || response.status != startStatus {
            makeStart(response.status, now)
        }
        output.reserveCapacity(output.count + 512 + response.body.count)
        output += start
        id.append(to: &output, input)
        addFields(of: response, to: &output)
        switch persistence {
        case .implied: break
        case .keepAlive: output.add("\r\nConnection: keep-alive")
        case .close: output.add("\r\nConnection: close")
        }
        output += ResponseEncoder.headEnd
        if !omitsBody { output += response.body }
    }

    private mutating func makeStart(_ status: HTTPStatus, _ now: UnixTime) {
        startSecond = now.wholeSeconds
        startStatus = status
        start.removeAll(keepingCapacity: true)
        start.add("HTTP/1.1 ")
        start.add(status.rawValue)
        start.add(" ")
        start.add(status.reason)
        start.add("\r\nDate: ")
        start += HTTPDate.text(now)
        start.add("\r\nX-Request-Id: ")
    }

    private func addFields(of response: Response, to output: inout [UInt8]) {
        if let contentType = response.contentType { output += contentType.field }
        // RFC 9110 §8.6: no length with 204.
        if response.status != .noContent {
            output += ResponseEncoder.contentLength
            output.add(response.body.count)
        }
        if let id = response.transactionID {
            output += ResponseEncoder.transactionID
            output.append(addingCapacity: TransactionID.textLength) { id.append(to: &$0) }
        }
        if response.isReplayed { output.add("\r\nIdempotent-Replayed: true") }
        if let allow = response.allow {
            output.add("\r\nAllow: ")
            output.add(allow)
        }
        if let seconds = response.retryAfterSeconds {
            output.add("\r\nRetry-After: ")
            output.add(seconds)
        }
        if let authenticate = response.authenticate {
            output.add("\r\nWWW-Authenticate: ")
            output.add(authenticate)
        }
    }
}

extension Response.ContentType {
    /// The field that names it, made once for each that callers get.
    fileprivate var field: [UInt8] {
        switch self {
        case .json: Self.jsonField
        case .problem: Self.problemField
        case .health: Self.healthField
        case .metricsText, .openMetrics: Self.field(self)
        }
    }

    private static func field(_ type: Response.ContentType) -> [UInt8] {
        Array("\r\nContent-Type: \(type.rawValue)".utf8)
    }

    private static let jsonField = field(.json)
    private static let problemField = field(.problem)
    private static let healthField = field(.health)
}

extension [UInt8] {
    fileprivate mutating func add(_ text: String) { append(text: text) }
    fileprivate mutating func add(_ number: Int) { append(decimal: number) }
}

/// The date format of HTTP (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func text(_ time: UnixTime) -> [UInt8] {
        let days = Int(time.wholeSeconds / 86_400)
        let second = Int(time.wholeSeconds % 86_400)
        let date = CivilDate(daysSince1970: days)
        var text: [UInt8] = []
        text.add(HTTPDate.days[days % 7])
        text.add(", ")
        text.append(decimal: date.day, width: 2)
        text.add(" ")
        text.add(months[date.month - 1])
        text.add(" ")
        text.append(decimal: date.year, width: 4)
        text.add(" ")
        text.append(decimal: second / 3_600, width: 2)
        text.add(":")
        text.append(decimal: second / 60 % 60, width: 2)
        text.add(":")
        text.append(decimal: second % 60, width: 2)
        text.add(" GMT")
        return text
    }
}
