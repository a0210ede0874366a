internal import CoreAPIBase

/// A request of the client: its method, fields and body.
package struct HTTPRequest: Sendable {
    package enum Method: Sendable {
        case get
        /// A POST with this body, already encoded.
        case post(contentType: String, body: [UInt8])
    }

    private let method: Method
    private var fields: [UInt8] = []

    package init(_ method: Method = .get) { self.method = method }

    /// Adds a field. False, and nothing is added, if the name or the value is not valid
    /// (RFC 9110 §5.1, §5.5), or if the client itself sends the field.
    package mutating func add(_ name: String, _ value: String) -> Bool {
        let (nameBytes, valueBytes) = (Array(name.utf8), Array(value.utf8))
        let valueRange = 0..<valueBytes.count
        guard Grammar.isToken(0..<nameBytes.count, nameBytes.span),
            Grammar.isFieldValue(valueRange, valueBytes.span),
            Grammar.trimmed(valueRange, valueBytes.span) == valueRange,
            !HTTPRequest.ownFields.contains(name.lowercased())
        else { return false }
        fields += nameBytes
        fields.append(text: ": ")
        fields += valueBytes
        fields.append(text: "\r\n")
        return true
    }

    /// The fields that delimit the message or describe the connection.
    private static let ownFields: Set = [
        "host", "connection", "content-length", "content-type", "transfer-encoding", "expect", "te",
        "trailer", "upgrade", "accept-encoding", "user-agent", "keep-alive", "proxy-connection",
    ]

    /// The message's bytes (RFC 9112 §2.1). The connection ends after the response (§9.6), and no
    /// content coding is accepted (RFC 9110 §12.5.3).
    func bytes(to url: HTTPURL) -> [UInt8] {
        var bytes: [UInt8] = []
        let name = if case .post = method { "POST" } else { "GET" }
        bytes.append(text: "\(name) \(url.target) HTTP/1.1\r\nHost: \(url.authority)\r\n")
        bytes.append(text: "User-Agent: core-api\r\nAccept-Encoding: identity\r\n")
        bytes.append(text: "Connection: close\r\n")
        bytes += fields
        guard case .post(let contentType, let body) = method else {
            bytes.append(text: "\r\n")
            return bytes
        }
        bytes.append(text: "Content-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n\r\n")
        bytes += body
        return bytes
    }
}
