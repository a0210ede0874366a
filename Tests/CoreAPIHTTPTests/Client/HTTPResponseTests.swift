import CoreAPIBase
import Testing

@testable import CoreAPIHTTP

/// How long a response stays fresh (RFC 9111 §4.2, §5.2.2), and its fields.
struct HTTPResponseTests {
    @Test(
        arguments: [
            ("", nil), ("Cache-Control: max-age=60", 60), ("cache-control: public, MAX-AGE=60", 60),
            ("Cache-Control: max-age=\"60\"", 60), ("Cache-Control: max-age=0", 0),
            ("Cache-Control: max-age=60\r\nAge: 20", 40),
            ("Cache-Control: max-age=60\r\nAge: 90", 0),
            ("Cache-Control: max-age=60\r\nAge: x", 60), ("Age: 20", nil),
            ("Cache-Control: no-store", 0), ("Cache-Control: max-age=60, no-cache", 0),
            ("Cache-Control: private\r\nCache-Control: max-age=5", 5),
            ("Cache-Control: max-age=60, max-age=5", 5),
            ("Cache-Control: max-age=99999999999999999999999", .max),
            ("Cache-Control: max-age=-5", nil), ("Cache-Control: max-age=", nil),
            ("Cache-Control: max-age=1.5", nil), ("Cache-Control: max-age", nil),
            ("Cache-Control: s-maxage=5", nil), ("Cache-Control: max-age=\"\"", nil),
            ("Cache-Control: max-age=\"", nil), ("Cache-Control: ,,,max-age=7,", 7),
        ] as [(String, Int?)])
    func `the freshness is max-age without the age`(fields: String, seconds: Int?) throws {
        let lines = fields.isEmpty ? "" : fields + "\r\n"
        let text = "HTTP/1.1 200 OK\r\n" + lines + "\r\n"
        #expect(try ResponseRules.outcome(text).get().freshSeconds == seconds)
    }

    @Test func `a field's values are found by its name, in their order`() throws {
        let text = "HTTP/1.1 200 OK\r\nRetry-After: 5\r\nA: b\r\nretry-after: 6\r\n\r\n"
        let response = try ResponseRules.outcome(text).get()
        #expect(response.values(of: "retry-after") == [Array("5".utf8), Array("6".utf8)])
        #expect(response.values(of: "b") == [])
    }
}
