import Testing

@testable import CoreAPIHTTP

/// Methods and paths are read by one list and named by another.
@Suite struct RequestNamesTests {
    private func head(_ line: String) throws -> (head: RequestHead, bytes: [UInt8]) {
        let bytes = Array("\(line) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var parser = RequestParser(limits: HTTPLimits())
        #expect(try parser.parse(bytes.span))
        return (parser.head, bytes)
    }

    /// IANA's registry of methods, as of 2026, without the reserved `*`.
    private static let registered = [
        "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "CONNECT", "COPY", "DELETE",
        "GET",
        "HEAD", "LABEL", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL",
        "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "OPTIONS", "ORDERPATCH", "PATCH", "POST", "PRI",
        "PROPFIND", "PROPPATCH", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "TRACE", "UNBIND",
        "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL",
    ]

    @Test func `the methods are those that IANA has registered`() {
        #expect(HTTPMethod.allCases.map(\.rawValue).sorted() == RequestNamesTests.registered)
    }

    @Test(arguments: registered)
    func `a registered method that a resource does not have is 405 with Allow, OPTIONS is 204`(
        method: String
    ) throws {
        for (path, allow, own) in [
            ("/transaction", "POST, OPTIONS", ["POST"]),
            ("/%74ransactio%6e", "POST, OPTIONS", ["POST"]),
            ("/health", "GET, HEAD, OPTIONS", ["GET", "HEAD"]),
            ("/openapi.json", "GET, HEAD, OPTIONS", ["GET", "HEAD"]),
        ] where !own.contains(method) {
            let (head, bytes) = try self.head("\(method) \(path)")
            let response = try #require(Route(head, bytes.span, on: .callers).response)
            #expect(response.status == (method == "OPTIONS" ? .noContent : .methodNotAllowed))
            #expect(response.allow?.description == allow)
        }
        let (head, bytes) = try self.head("\(method) /nothing")
        #expect(Route(head, bytes.span, on: .callers).response?.status == .notFound)
    }

    @Test func `CONNECT to an authority is 405 with the server's methods, OPTIONS * is 204`() throws
    {
        for (line, status) in [
            ("CONNECT a:80", HTTPStatus.methodNotAllowed), ("OPTIONS *", .noContent),
        ] {
            let (head, bytes) = try head(line)
            let response = try #require(Route(head, bytes.span, on: .callers).response)
            #expect(response.status == status)
            #expect(response.allow?.description == "GET, HEAD, POST, OPTIONS")
        }
    }

    @Test(arguments: HTTPMethod.allCases)
    func `a method is read by the name that it has`(method: HTTPMethod) throws {
        #expect(try head("\(method.rawValue) /health").head.method == method)
        #expect(throws: HTTPRefusal.methodUnknown) { try head("\(method.rawValue)S /health") }
        #expect(throws: HTTPRefusal.methodUnknown) {
            try head("\(method.rawValue.lowercased()) /health")
        }
    }

    @Test(arguments: Resource.allCases.filter { $0.name.hasPrefix("/") })
    func `unreserved characters may be percent-encoded in a path, in either case`(
        resource: Resource
    ) throws {
        let name = Array(resource.name.utf8)
        func encoded(_ index: Int, upperCase: Bool) -> String {
            let hexadecimal = String(name[index], radix: 16, uppercase: upperCase)
            let rest = String(decoding: name[(index + 1)...], as: UTF8.self)
            return String(decoding: name[..<index], as: UTF8.self) + "%\(hexadecimal)" + rest
        }
        for index in name.indices {
            let isSlash = name[index] == UInt8(ascii: "/")
            for path in [encoded(index, upperCase: true), encoded(index, upperCase: false)] {
                // Without its first slash it is no path at all.
                if index == 0 {
                    #expect(throws: HTTPRefusal.malformed(.target)) { try self.head("GET \(path)") }
                    continue
                }
                let (head, bytes) = try self.head("GET \(path)?a=%62")
                #expect(Resource(head, bytes.span) == (isSlash ? .other : resource), "\(path)")
            }
        }
        let all = name.map { byte in
            byte == UInt8(ascii: "/") ? "/" : "%\(String(byte, radix: 16))"
        }.joined()
        for target in [all, "http://a\(all)"] {
            let (head, bytes) = try self.head("GET \(target)")
            #expect(Resource(head, bytes.span) == resource)
        }
    }

    @Test(arguments: [
        "/%2Ftransaction", "/transaction%2F", "/transaction%00", "/%2574ransaction",
        "/transaction%20",
        "/%54ransaction", "/health%2Flive", "/%74ransaction/", "/transaction%3Fa", "/transactio%EE",
    ])
    func `other encoded characters stay as they are, and nothing is decoded twice`(
        path: String
    ) throws {
        let (head, bytes) = try self.head("POST \(path)")
        #expect(Resource(head, bytes.span) == .other)
    }

    @Test(arguments: ["/%7", "/%", "/%7ransaction", "/%g4ransaction", "/transaction%7"])
    func `a percent sign without two digits is refused`(path: String) {
        #expect(throws: HTTPRefusal.malformed(.target)) { try head("POST \(path)") }
    }

    @Test(arguments: Resource.allCases.filter { $0.name.hasPrefix("/") })
    func `a resource is found by the path that it has`(resource: Resource) throws {
        for (path, resource) in [
            (resource.name, resource), ("\(resource.name)?a=/health", resource),
            ("\(resource.name)/", .other), (resource.name.uppercased(), .other),
        ] {
            let (head, bytes) = try self.head("GET \(path)")
            #expect(Resource(head, bytes.span) == resource, "\(path)")
        }
    }
}
