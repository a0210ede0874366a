import Testing

@testable import CoreAPIHTTP

/// Method names and percent-encoded paths.
@Suite struct RequestNamesTests {
    private func head(_ line: String) throws -> RequestHead {
        let bytes = Array("\(line) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var parser = RequestParser(limits: HTTPLimits())
        #expect(try parser.parse(bytes.span))
        return parser.head
    }

    /// The methods of IANA's registry, as of 2026, without the reserved `*`.
    private static let registered = [
        "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "CONNECT", "COPY", "DELETE",
        "GET", "HEAD", "LABEL", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL",
        "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "OPTIONS", "ORDERPATCH", "PATCH", "POST", "PRI",
        "PROPFIND", "PROPPATCH", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "TRACE", "UNBIND",
        "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL",
    ]

    @Test func `the methods are those that IANA has registered`() {
        #expect(HTTPMethod.allCases.map(\.rawValue).sorted() == RequestNamesTests.registered)
    }

    @Test(arguments: HTTPMethod.allCases)
    func `a method is read by the name that it has`(method: HTTPMethod) throws {
        #expect(try head("\(method.rawValue) /health").method == method)
        #expect(throws: HTTPRefusal.methodUnknown) { try head("\(method.rawValue)S /health") }
        #expect(throws: HTTPRefusal.methodUnknown) {
            try head("\(method.rawValue.lowercased()) /health")
        }
    }

    @Test(arguments: ["/%7", "/%", "/%7ransaction", "/%g4ransaction", "/transaction%7"])
    func `a percent sign without two digits is refused`(path: String) {
        #expect(throws: HTTPRefusal.malformed(.target)) { try head("POST \(path)") }
    }
}
