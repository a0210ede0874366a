internal import CoreAPIBase

/// Writes answers as HTTP/1.1 messages (RFC 9112 §4), with `Date` and `Content-Length`.
struct ResponseEncoder {
    /// `100 Continue` (RFC 9110 §15.2.1).
    static let `continue` = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

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

    private mutating func makeStart(_ status: HTTPStatus, _ now: UnixTime) {
        startSecond = now.wholeSeconds
        startStatus = status
        start.removeAll(keepingCapacity: true)
        start.append(text: "HTTP/1.1 \(status.rawValue) \(status.reason)\r\nDate: ")
        start += HTTPDate.text(now)
        start.append(text: "\r\nX-Request-Id: ")
    }
}

extension Response {
    /// How long the answer is at most, but for what it begins with.
    fileprivate var encodedBytesMax: Int {
        Response.fixedBytesMax + (contentType?.utf8CodeUnitCount ?? 0) + content.count
    }

    /// More than the names of the encoder's own fields, their values and line ends have together.
    private static var fixedBytesMax: Int { 128 }

    /// Appends the fields that this answer has and others have not.
    fileprivate func appendFields(to output: inout OutputSpan<UInt8>) {
        if let contentType {
            output.append("\r\nContent-Type: ")
            output.append(contentType)
        }
        // RFC 9110 §8.6: no length with 204.
        if status != .noContent {
            output.append("\r\nContent-Length: ")
            output.append(decimal: content.count - bodyStart)
        }
        if bodyStart > 0 { output.append(copying: content.span.extracting(0..<bodyStart)) }
    }
}
