import Testing

@testable import CoreAPIHTTP

struct HTTPURLTests {
    @Test(
        arguments: [
            ("https://auth.example/jwks.json", "auth.example", 443, "/jwks.json"),
            ("https://auth.example", "auth.example", 443, "/"),
            ("https://auth.example?a=b", "auth.example", 443, "/?a=b"),
            ("HTTPS://auth.example:8443/a%20b?c=d&e=/?", "auth.example", 8443, "/a%20b?c=d&e=/?"),
            ("https://10.0.0.1/x", "10.0.0.1", 443, "/x"), ("https://[::1]:9/x", "::1", 9, "/x"),
            ("http://127.0.0.1:8080/x", "127.0.0.1", 8080, "/x"), ("http://[::1]", "::1", 80, "/"),
            ("http://LocalHost/", "LocalHost", 80, "/"),
            ("http://127.255.0.9/", "127.255.0.9", 80, "/"),
            ("https://a_b.example/", "a_b.example", 443, "/"),
        ] as [(String, String, UInt16, String)])
    func `a URL has a host, a port and a target`(
        text: String, host: String, port: UInt16, target: String
    ) throws {
        let url = try HTTPURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.target == target)
        #expect(url.usesTLS == text.lowercased().hasPrefix("https"))
    }

    @Test(
        arguments: [
            ("", .scheme), ("auth.example/x", .scheme), ("ftp://auth.example", .scheme),
            ("//auth.example", .scheme), ("https:/auth.example", .scheme),
            ("https://", .host), ("https:///x", .host), ("https://:443/x", .host),
            ("https://::1/x", .host), ("https://[::1/x", .host), ("https://[127.0.0.1]/", .host),
            ("https://[fe80::1%25lo]/", .host), ("https://a b/", .characters),
            ("https://\u{E4}.example/", .characters), ("https://a\n/", .characters),
            ("https://a,b/", .host), ("https://a%41/", .host), ("https://1.2/", .host),
            ("https://1/", .host), ("https://256.1.1.1/", .host),
            ("https://user@auth.example/", .userInformation),
            ("https://user:pass@auth.example/", .userInformation),
            ("https://auth.example/#f", .fragment), ("https://auth.example#", .fragment),
            ("https://auth.example:/", .port), ("https://auth.example:0/", .port),
            ("https://auth.example:65536/", .port), ("https://auth.example:+1/", .port),
            ("https://auth.example:1:2/", .port), ("https://[::1]x/", .port),
            ("https://auth.example:000443/", .port),
            ("https://auth.example/%", .path), ("https://auth.example/%zz", .path),
            ("https://auth.example/a\"b", .path), ("https://auth.example/a\\b", .path),
            ("http://auth.example/", .clearText), ("http://10.0.0.1/", .clearText),
            ("http://128.0.0.1/", .clearText), ("http://0.0.0.0/", .clearText),
            ("http://[::2]/", .clearText), ("http://localhost.example/", .clearText),
            ("http://127.0.0.1.example/", .clearText), ("http://0x7f.0.0.1/", .clearText),
            ("https://a/" + String(repeating: "b", count: 8_000), .tooLong),
        ] as [(String, HTTPURLError)])
    func `each violated rule has an error`(text: String, error: HTTPURLError) {
        #expect(throws: error) { try HTTPURL(text) }
    }

    @Test(arguments: [
        ("https://auth.example/a?key=secret", "https://auth.example/a?…"),
        ("https://auth.example:443", "https://auth.example/"),
        ("http://[::1]:81/x", "http://[::1]:81/x"),
    ])
    func `the description omits the query`(text: String, description: String) throws {
        #expect(try HTTPURL(text).description == description)
    }

    @Test(arguments: [
        ("https://a.example", "a.example"), ("https://a.example:80", "a.example:80"),
        ("http://localhost:80", "localhost"), ("https://[::1]:8", "[::1]:8"),
    ])
    func `the Host field has the port unless it is the scheme's`(text: String, authority: String)
        throws
    {
        #expect(try HTTPURL(text).authority == authority)
    }
}
