import ChildProcess
import CoreAPIBase
import CoreAPIHTTP
import Foundation
import Testing

/// The client over real connections.
@Suite(.serialized, .timeLimit(.minutes(10))) struct HTTPClientTests {
    private typealias Outcome = Result<HTTPResponse, HTTPClientError>

    /// Sends the requests one after the other, with one client.
    private func outcomes(
        _ requests: [HTTPRequest], to url: String, tls: TLSContext? = nil
    ) async throws -> [Outcome] {
        let url = try HTTPURL(url)
        let loop = try SharedEventLoop.running()
        let client: Unchecked<HTTPClient> = await withCheckedContinuation { continuation in
            loop.submit {
                continuation.resume(
                    returning: Unchecked(value: HTTPClient(url: url, tls: tls, on: loop)))
            }
        }
        var outcomes: [Outcome] = []
        for request in requests {
            let outcome: Outcome = await withCheckedContinuation { continuation in
                loop.submit { client.value.send(request) { continuation.resume(returning: $0) } }
            }
            outcomes.append(outcome)
        }
        loop.submit { client.value.close() }
        return outcomes
    }

    /// A client, which only its loop uses.
    private struct Unchecked<Value>: @unchecked Sendable {
        let value: Value
    }

    @Test func `a body larger than the socket's buffer is sent, with TLS and without`()
        async throws
    {
        let body = [UInt8](repeating: 0x61, count: 5_000_000)
        let posts = [body, [], Array(body[..<100_000])].map {
            HTTPRequest(.post(contentType: "application/json", body: $0))
        }
        try await TestCertificates.with { certificates in
            let pair = (certificates.path("server.pem"), certificates.path("server.key"))
            let context = try TLSContext(certificates.options())
            for tls in [nil, pair] {
                try await KeySetIssuer.with([], tls: tls, mode: "count") { server in
                    let outcomes = try await outcomes(posts, to: server.url, tls: context)
                    let texts = try outcomes.map {
                        String(decoding: try $0.get().body, as: UTF8.self)
                    }
                    #expect(texts == ["5000000", "0", "100000"])
                }
            }
        }
    }

    @Test func `nobody who listens is an error, and the client can be used again`() async throws {
        let port = try FreePort.next()
        let outcomes = try await outcomes(
            [HTTPRequest(), HTTPRequest()], to: "http://127.0.0.1:\(port)/")
        for outcome in outcomes {
            guard case .failure(.connection(.connectFailed)) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
        }
        #expect(outcomes.count == 2)
    }
}
