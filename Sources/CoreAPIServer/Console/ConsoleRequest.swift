internal import CoreAPIBase
internal import CoreAPIHTTP

/// The parts of a request to the console, copied from its bytes.
struct ConsoleRequest: Sendable {
    let method: HTTPMethod
    /// The last part of the path: `now`; empty for the page itself, nil for `/console` without a
    /// slash.
    let name: String?
    let authorization: [UInt8]?
    /// Whether a page of the console has sent the request: see `isSameOrigin`.
    let isSameOrigin: Bool
    /// The members of the query and the body (application/x-www-form-urlencoded).
    private let form: [String: String]
    /// A member that is there twice, in the query, the body, or one in each; nil without such.
    let repeatedMember: String?

    init(_ head: RequestHead, _ bytes: Span<UInt8>, body: Range<Int>) {
        method = head.method
        var name: String?
        if case .path(let path) = head.target {
            let parts = path.map { bytes[$0] }.split(
                separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            if parts.count > 2 { name = parts.last.map { String(decoding: $0, as: UTF8.self) } }
        }
        self.name = name
        authorization = head.authorization.map { range in range.map { bytes[$0] } }
        isSameOrigin = ConsoleRequest.isSameOrigin(head, bytes)
        var (form, repeated) = ([String: String](), String?.none)
        for (name, value) in ConsoleRequest.members(head.query(in: bytes))
            + ConsoleRequest.members(body.map { bytes[$0] })
        where form.updateValue(value, forKey: name) != nil { repeated = name }
        (self.form, repeatedMember) = (form, repeated)
    }

    /// A member; nil if it is missing or empty.
    subscript(_ name: String) -> String? { form[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// Whether the browser says that a page of the same origin has sent the request: by
    /// `Sec-Fetch-Site` (W3C Fetch Metadata), or, in a browser without that, by an `Origin` that
    /// has the host of the request (RFC 6454). Another page cannot forge either.
    private static func isSameOrigin(_ head: RequestHead, _ bytes: Span<UInt8>) -> Bool {
        if let site = head.value(of: "sec-fetch-site", in: bytes) {
            return site == Array("same-origin".utf8)
        }
        guard let origin = head.value(of: "origin", in: bytes),
            let host = head.value(of: "host", in: bytes), !host.isEmpty
        else { return false }
        return origin == Array("http://".utf8) + host || origin == Array("https://".utf8) + host
    }

    private static func members(_ text: [UInt8]) -> [(name: String, value: String)] {
        text.split(separator: UInt8(ascii: "&")).map { member in
            let end = member.firstIndex(of: UInt8(ascii: "=")) ?? member.endIndex
            return (decoded(member[..<end]), decoded(member[end...].dropFirst()))
        }
    }

    private static func decoded(_ text: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap(ASCII.hexadecimalValue)
            if byte == UInt8(ascii: "%"), digits.count == 2 {
                bytes.append(digits[0] << 4 | digits[1])
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
