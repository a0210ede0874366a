import Testing

@testable import CoreAPIHTTP

@Suite struct RequestIDTests {
    private func head(_ fields: String) throws -> RequestHead {
        var parser = RequestParser(limits: HTTPLimits())
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)
        let isComplete = try parser.parse(bytes.span)
        #expect(isComplete)
        return parser.head
    }

    private func name(_ fields: String) throws -> String? {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)
        return try head(fields).requestID.map { RequestID.given($0).text(bytes.span) }
    }

    @Test(arguments: [
        "a", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "Root=1-67891233-abcdef012345678912345678",
        "a.b_c~d+e/f=g:h@i", String(repeating: "a", count: 128),
    ])
    func `a caller's name is taken`(given: String) throws {
        #expect(try name("X-Request-Id: \(given)\r\n") == given)
        #expect(try name("x-request-ID:\(given)  \r\n") == given)
    }

    @Test(arguments: [
        "", "a b", "a,b", "a\"b", "é", "a;b", "{a}", "<a>", String(repeating: "a", count: 129),
    ])
    func `an ambiguous ID is not accepted`(given: String) throws {
        #expect(try name("X-Request-Id: \(given)\r\n") == nil)
    }

    @Test func `of several names the first that can be taken counts`() throws {
        #expect(
            try name("X-Request-Id: a b\r\nX-Request-Id: c\r\nX-Request-Id: d\r\n") == "c")
    }

    @Test func `generated IDs are 32 hexadecimal digits and differ`() {
        var numbers = RequestNumber()
        let other = RequestNumber()
        let input: [UInt8] = []
        let names = [numbers.next(), numbers.next(), other].map {
            RequestID.made($0).text(input.span)
        }
        #expect(Set(names).count == 3)
        for name in names { #expect(name.count == 32 && name.allSatisfy(\.isHexDigit)) }
    }

    @Test func `a repeated traceparent is ignored`() throws {
        let field = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        #expect(try head(field).traceParent?.count == 55)
        #expect(try head(field + field).traceParent?.isEmpty == true)
        #expect(try head(field + field + field).traceParent?.isEmpty == true)
    }
}
