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

    @Test(
        arguments: [
            ("", nil), ("Retry-After: 5", 5), ("Retry-After: -5", nil), ("Retry-After: soon", nil),
            ("Retry-After: 99999999999999999999999", .max), ("Retry-After: ", nil),
            // Now it is Sun, 06 Nov 1994 08:49:30 GMT.
            ("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", 7),
            ("Retry-After: Sunday, 06-Nov-94 08:49:37 GMT", 7),
            ("Retry-After: Sun Nov  6 08:49:37 1994", 7),
            ("Retry-After: Sun Nov 16 08:49:37 1994", 864_007),
            ("Retry-After: Wednesday, 09-Nov-94 08:49:37 GMT", 259_207),
            ("Retry-After: Sunday, 06-Nov-22 08:49:30 GMT", 883_612_800),
            ("Retry-After: Sun, 06 Nov 1994 08:49:29 GMT", 0),
            ("Retry-After: Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Retry-After: Sun, 06 Nov 1994 08:49:60 GMT", 30),
            ("Retry-After: Sun, 06 Nov 1994 08:49:61 GMT", nil),
            ("Retry-After: Sun, 06 Nov 1994 24:49:37 GMT", nil),
            ("Retry-After: Sun, 06 Nov 1994 08:60:37 GMT", nil),
            ("Retry-After: Sun, 31 Nov 1994 08:49:37 GMT", nil),
            ("Retry-After: Sun, 06 nov 1994 08:49:37 GMT", nil),
            ("Retry-After: Sun, 06 Nov 1994 08:49:37 UTC", nil),
            ("Retry-After: Sun, 06 Nov 1994 08:49:37", nil),
            ("Retry-After: Sun, 06 Nov 1969 08:49:37 GMT", nil),
            ("Retry-After: Sun, 06 Nov 9999 08:49:37 GMT", nil),
            ("Retry-After: Sun, 06 Nov 194 08:49:37 GMT", nil),
            ("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT, or later", nil),
            ("Retry-After: 06 Nov 1994 08:49:37", nil), ("Retry-After: ,,,,,,,", nil),
        ] as [(String, Int?)])
    func `a Retry-After is a number of seconds or a date`(field: String, seconds: Int?) throws {
        let lines = field.isEmpty ? "" : field + "\r\n"
        let text = "HTTP/1.1 503 Service Unavailable\r\n" + lines + "Content-Length: 0\r\n\r\n"
        let now = UnixTime(nanoseconds: 784_111_770_999_999_999)
        let response = try ResponseRules.outcome(text).get()
        #expect(response.retryAfterSeconds(now: now) == seconds)
    }

    @Test func `a field's values are found by its name, in their order`() throws {
        let text = "HTTP/1.1 200 OK\r\nRetry-After: 5\r\nA: b\r\nretry-after: 6\r\n\r\n"
        let response = try ResponseRules.outcome(text).get()
        #expect(response.values(of: "retry-after") == [Array("5".utf8), Array("6".utf8)])
        #expect(response.values(of: "b") == [])
    }
}
