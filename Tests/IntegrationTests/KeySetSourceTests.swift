import CoreAPIKit
import Foundation
import Logging
import Testing

/// `KeySetSource` against an issuer that behaves, and against others that do not.
@Suite(.serialized, .timeLimit(.minutes(10))) struct KeySetSourceTests {
    private static func options(authority: String? = nil) -> KeySetSourceOptions {
        var options = KeySetSourceOptions()
        options.authorityFile = authority
        return options
    }

    /// The status once the next fetch has ended.
    private static func status(
        of source: KeySetSource, after count: Int = 0
    ) async throws -> KeySetStatus {
        func ended() -> Int {
            let status = source.status
            return status.successCount + status.failureCounts.values.reduce(0, +)
        }
        try await eventually("a fetch ends") { ended() > count }
        return source.status
    }

    @Test(arguments: ["serve", "chunked", "until-end"])
    func `a set is fetched over TLS, by name and by address`(mode: String) async throws {
        let key = try await IssuerKey("a")
        try await TestCertificates.with { certificates in
            let pair = (certificates.path("server.pem"), certificates.path("server.key"))
            try await KeySetIssuer.with([key], tls: pair, mode: mode) { issuer in
                for host in ["localhost", "127.0.0.1"] {
                    let source = try KeySetSource(
                        url: issuer.url(host: host),
                        options: Self.options(authority: certificates.path("ca.pem")))
                    let status = try await Self.status(of: source)
                    #expect(status.keySet?.count == 1, "\(String(describing: status.failure))")
                    #expect(status.failure == nil)
                    #expect(status.age != nil)
                }
                #expect(issuer.request.hasPrefix("GET /jwks.json HTTP/1.1\r\nHost: 127.0.0.1:"))
                #expect(issuer.request.contains("\r\nAccept-Encoding: identity\r\n"))
            }
        }
    }

    @Test func `a certificate that is expired, of another host or of a stranger is refused`()
        async throws
    {
        let key = try await IssuerKey("a")
        try await TestCertificates.with { certificates in
            for (certificate, authority, words) in [
                ("expired", "ca", "expired"), ("elsewhere", "ca", "another host"),
                ("server", "other-ca", "certificate verify failed"),
                ("stranger", "ca", "certificate verify failed"),
                ("self-signed", "ca", "certificate verify failed"),
                ("server", nil, "certificate verify failed"),
            ] as [(String, String?, String)] {
                let pair = (
                    certificates.path("\(certificate).pem"),
                    certificates.path("\(certificate).key")
                )
                try await KeySetIssuer.with([key], tls: pair) { issuer in
                    let source = try KeySetSource(
                        url: issuer.url,
                        options: Self.options(
                            authority: authority.map { certificates.path("\($0).pem") }))
                    let status = try await Self.status(of: source)
                    #expect(status.keySet == nil)
                    let reason = status.failure.map { "\($0)" } ?? ""
                    #expect(reason.contains(words), "\(certificate): \(reason)")
                }
            }
        }
    }

    @Test func `a server without TLS, or one that ends without close_notify, is an error`()
        async throws
    {
        let key = try await IssuerKey("a")
        try await KeySetIssuer.with([key], mode: "greet") { issuer in
            let source = try KeySetSource(
                url: issuer.url.replacing("http://", with: "https://"))
            let status = try await Self.status(of: source)
            #expect(status.failure == .connection("the server does not speak TLS"))
        }
        try await TestCertificates.with { certificates in
            let pair = (certificates.path("server.pem"), certificates.path("server.key"))
            try await KeySetIssuer.with([key], tls: pair, mode: "cut") { issuer in
                let source = try KeySetSource(
                    url: issuer.url,
                    options: Self.options(authority: certificates.path("ca.pem")))
                let failure = try await Self.status(of: source).failure
                #expect(failure == .connection("the connection was lost"))
            }
        }
    }

    /// How an issuer answers, and why that is no key set.
    private static let flaws: [(mode: String, set: String?, failure: KeySetFetchError)] = [
        ("status 500", nil, .status(500)), ("status 404", nil, .status(404)),
        ("status 302", nil, .status(302)), ("status 301", nil, .status(301)),
        ("status 204", nil, .status(204)), ("status 304", nil, .status(304)),
        ("status 206", nil, .status(206)), ("status 203", nil, .status(203)),
        ("hang", nil, .timedOut), ("drip", nil, .timedOut),
        ("short", nil, .answer("the connection ended before the response was complete")),
        ("cut", nil, .answer("the connection ended before the response was complete")),
        ("drop", nil, .answer("the connection ended before the response was complete")),
        ("long", nil, .keySet(.notObject)),
        ("gzip", nil, .answer("it has a Content-Encoding that was not asked for")),
        ("large", nil, .answer("its body is too large")),
        ("large-until-end", nil, .answer("its body is too large")),
        ("large-head", nil, .answer("its head is too large")),
        ("garbage", nil, .answer("it does not begin with an HTTP/1.x status line")),
        ("serve", "", .keySet(.notObject)), ("serve", "{}", .keySet(.noKeys)),
        ("serve", "{\"keys\":[]}", .noUsableKey), ("serve", "<html>", .keySet(.notObject)),
        ("serve", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", .noUsableKey),
        (
            "serve", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"AA\",\"x\":\"AA\"}]}",
            .keySet(.privateKey(index: 0))
        ),
    ]

    @Test(arguments: [false, true])
    func `no flaw of an answer is a key set, and none replaces a good one`(isSecure: Bool)
        async throws
    {
        try await TestCertificates.with { certificates in
            try await tryFlaws(isSecure ? certificates : nil)
        }
    }

    /// - Parameter certificates: of issuers with https; nil for http.
    private func tryFlaws(_ certificates: TestCertificates?) async throws {
        let key = try await IssuerKey("a")
        let pair = certificates.map { ($0.path("server.pem"), $0.path("server.key")) }
        let options = Self.options(authority: certificates?.path("ca.pem"))
        // Over TLS, a connection that is cut is another failure: see above.
        let flaws = Self.flaws.filter { certificates == nil || $0.mode != "cut" }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for flaw in flaws {
                group.addTask {
                    try await KeySetIssuer.with([key], tls: pair) { issuer in
                        let source = try KeySetSource(url: issuer.url, options: options)
                        let good = try await Self.status(of: source)
                        #expect(good.keySet?.count == 1)
                        if let set = flaw.set { try issuer.publish(text: set) }
                        try issuer.answer(flaw.mode)
                        for _ in 0..<100 { source.refresh() }
                        let bad = try await Self.status(of: source, after: 1)
                        #expect(bad.failure == flaw.failure, "\(flaw.mode)")
                        #expect(bad.failureCounts == [flaw.failure.word: 1], "\(flaw.mode)")
                        #expect(bad.keySet?.count == 1, "\(flaw.mode)")
                        try issuer.publish([key])
                        try issuer.answer("serve")
                        source.refresh()
                        let again = try await Self.status(of: source, after: 2)
                        #expect(again.failure == nil, "\(flaw.mode)")
                        // An issuer that drips or hangs notices the end of a connection late.
                        let isLate = ["drip", "hang"].contains(flaw.mode)
                        #expect(issuer.isSerial || isLate, "\(flaw.mode)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `an unknown key is refused at once, and known after a fetch`() async throws {
        let (old, new) = (try await IssuerKey("old"), try await IssuerKey("new"))
        let (oldToken, newToken) = (try await old.token(), try await new.token())
        try await KeySetIssuer.with([old]) { issuer in
            let source = try KeySetSource(url: issuer.url)
            let verifier = KeySetSourceVerifier(source: source)
            try await eventually("the old key is known") {
                (try? verifier.verify(oldToken, at: .now())) != nil
            }
            try issuer.publish([old, new])
            #expect(throws: TokenError.keyUnknown) { try verifier.verify(newToken, at: .now()) }
            try await eventually("the new key is known") {
                (try? verifier.verify(newToken, at: .now())) != nil
            }
            #expect(try verifier.verify(oldToken, at: .now()).userID == 1)
            #expect(issuer.fetchCount == 2)
        }
    }

    @Test func `without a set, tokens are refused for want of keys`() async throws {
        let key = try await IssuerKey("a")
        let token = try await key.token()
        try await KeySetIssuer.with([key], mode: "status 500") { issuer in
            let source = try KeySetSource(url: issuer.url)
            let verifier = KeySetSourceVerifier(source: source)
            _ = try await Self.status(of: source)
            #expect(throws: TokenError.keysUnavailable) { try verifier.verify(token, at: .now()) }
            #expect(source.keySet == nil)
        }
    }

    @Test func `observers get each change, and none after the end`() async throws {
        let (old, new) = (try await IssuerKey("old"), try await IssuerKey("new"))
        try await KeySetIssuer.with([old]) { issuer in
            let source = try KeySetSource(url: issuer.url)
            let (changes, continuation) = AsyncStream.makeStream(of: Int?.self)
            source.onChange { continuation.yield($0?.count) }
            var seen = changes.makeAsyncIterator()
            var first = await seen.next()
            if first == .some(nil) { first = await seen.next() }
            #expect(first == 1)
            try issuer.publish([old, new])
            source.refresh()
            let second = await seen.next()
            #expect(second == 2)
            source.close()
            #expect(source.keySet?.count == 2)
        }
    }

    @Test(arguments: [
        ("http://auth.example/jwks.json", "https://"), ("ftp://auth.example", "https://"),
        ("https://user:hunter2@auth.example/", "no user or password"),
        ("https://auth.example/#hunter2", "no fragment"),
    ])
    func `a URL that cannot be used is an error that does not show it`(url: String, words: String) {
        do {
            _ = try KeySetSource(url: url)
            Issue.record("accepted")
        } catch {
            #expect("\(error)".contains(words))
            #expect(!"\(error)".contains("hunter2"))
        }
    }
}
