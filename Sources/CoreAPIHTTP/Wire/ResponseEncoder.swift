internal import CoreAPIBase

/// Encodes answers as HTTP/1.1 messages (RFC 9112 §4), with `Date` and `Content-Length`.
///
/// A class, since its owner is one: a struct that changes in there is checked for exclusivity
/// during each call.
final class ResponseEncoder {
    /// `100 Continue` (RFC 9110 §15.2.1).
    static let `continue` = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// The cached start of an answer: status line and `Date`. It is valid for one status and one
    /// second.
    private var start: [UInt8] = []
    private var startSecond: Int64 = -1
    private var startStatus = HTTPStatus.ok

    /// The value of the `Connection` field (RFC 9112 §9.6).
    enum Persistence {
        /// The default of HTTP/1.1: the field is omitted.
        case implied
        /// `keep-alive`, as an HTTP/1.0 caller has requested.
        case keepAlive
        case close
    }

    /// Appends an encoded answer to the buffer.
    ///
    /// - Parameters:
    ///   - input: the bytes of the request, which may contain the request ID.
    ///   - omitsBody: true for HEAD: the fields are the same, the body is omitted (RFC 9110
    ///     §9.3.2).
    func append(
        _ response: Response, _ id: RequestID, _ input: Span<UInt8>, to output: inout [UInt8],
        omitsBody: Bool, _ persistence: Persistence, now: UnixTime
    ) {
        if now.wholeSeconds != startSecond || response.status != startStatus {
            makeStart(response.status, now)
        }
        let start = start
        let bytesMax = start.count + id.length + response.encodedBytesMax
        output.append(addingCapacity: bytesMax) { output in
            output.append(copying: start.span)
            id.append(to: &output, input)
            response.appendFields(to: &output)
            switch persistence {
            case .implied: break
            case .keepAlive: output.append("\r\nConnection: keep-alive")
            case .close: output.append("\r\nConnection: close")
            }
            output.append("\r\n\r\n")
            if !omitsBody {
                let body = response.bodyStart..<response.content.count
                output.append(copying: response.content.span.extracting(body))
            }
        }
    }

    private func makeStart(_ status: HTTPStatus, _ now: UnixTime) {
        startSecond = now.wholeSeconds
        startStatus = status
        var text = Array("HTTP/1.1 \(status.rawValue) \(status.reason)\r\nDate: ".utf8)
        text += HTTPDate.text(now)
        text.append(text: "\r\nX-Request-Id: ")
        start = text
    }
}

extension Response {
    /// Upper bound of the encoded answer, without its start.
    fileprivate var encodedBytesMax: Int {
        Response.fixedBytesMax + (contentType?.utf8CodeUnitCount ?? 0) + content.count
    }

    /// Upper bound of the encoder's own fields, with names, values and line ends.
    private static var fixedBytesMax: Int { 128 }

    /// Appends the fields that differ between answers.
    fileprivate func appendFields(to output: inout OutputSpan<UInt8>) {
        if let contentType {
            output.append("\r\nContent-Type: ")
            output.append(contentType)
        }
        // RFC 9110 §8.6: a 204 has no `Content-Length`.
        if status != .noContent {
            output.append("\r\nContent-Length: ")
            output.append(decimal: content.count - bodyStart)
        }
        if bodyStart > 0 { output.append(copying: content.span.extracting(0..<bodyStart)) }
    }
}
