import CoreAPIBase
import CoreAPIKit
import Glibc
import Synchronization

/// Callers that post transactions continuously, and their unexpected answers.
final class TokenLoad: Sendable {
    private static let callers = 3
    /// A new connection comes to another loop, as the kernel likes.
    private static let requestsPerConnection = 20

    /// Where the token of a request comes from.
    private enum Source {
        /// A fresh token is signed by it.
        case secret(String)
        case token(String)

        func body() throws -> String {
            switch self {
            case .secret(let secret): try TokenLoad.body(signedWith: secret)
            case .token(let token): APIServer.body(token: token)
            }
        }

        /// What a refusal says of it.
        var note: String {
            if case .secret(let secret) = self { "\(secret.prefix(3)): " } else { "" }
        }
    }

    private struct State {
        /// Used in turn.
        var sources: [Source]
        /// By each caller.
        var answered = [Int](repeating: 0, count: TokenLoad.callers)
        var refused: [String] = []
        var running = TokenLoad.callers
        var isOver = false
    }

    private let port: UInt16
    private let state: Mutex<State>

    /// Posts while the body runs, each time with a fresh token.
    ///
    /// - Parameter secrets: the secrets that sign the tokens, in turn.
    static func with(
        _ server: APIServer, signedWith secrets: [String],
        _ body: (TokenLoad) async throws -> Void
    ) async throws {
        try await with(server, secrets.map(Source.secret), body)
    }

    /// Posts while the body runs, with these tokens in turn.
    static func with(
        _ server: APIServer, tokens: [String], _ body: (TokenLoad) async throws -> Void
    ) async throws {
        try await with(server, tokens.map(Source.token), body)
    }

    private static func with(
        _ server: APIServer, _ sources: [Source], _ body: (TokenLoad) async throws -> Void
    ) async throws {
        let load = TokenLoad(port: server.port, sources)
        for caller in 0..<TokenLoad.callers { try Thread.start { load.call(caller) } }
        let result: Result<Void, any Error>
        do { result = .success(try await body(load)) } catch { result = .failure(error) }
        load.state.withLock { $0.isOver = true }
        try await eventually("the callers end") { load.state.withLock { $0.running } == 0 }
        try result.get()
    }

    private init(port: UInt16, _ sources: [Source]) {
        self.port = port
        state = Mutex(State(sources: sources))
    }

    /// Every answer but 200, and every connection that broke.
    var refused: [String] { state.withLock { $0.refused } }

    /// Signs tokens with these from now on; returns once no other token is under way.
    func sign(with secrets: [String]) async throws {
        state.withLock { $0.sources = secrets.map(Source.secret) }
        try await answers(2)
    }

    /// Uses these tokens from now on; returns once each caller has used them.
    func use(_ tokens: [String]) async throws {
        state.withLock { $0.sources = tokens.map(Source.token) }
        try await answers(2 + tokens.count)
    }

    /// Returns once each caller has received the given number of further responses.
    func answers(_ count: Int) async throws {
        let before = state.withLock { $0.answered }
        try await eventually("each caller has \(count) more answers") {
            let now = self.state.withLock { $0.answered }
            return zip(before, now).allSatisfy { $1 >= $0 + count }
        }
    }

    private func call(_ caller: Int) {
        defer { state.withLock { $0.running -= 1 } }
        var client: RawClient?
        var count = caller
        while let source = nextSource(count) {
            do {
                if client == nil || count % TokenLoad.requestsPerConnection == 0 {
                    client = try RawClient(port: port)
                }
                try client?.send(APIServer.post(source.body()))
                let status = try client?.readAnswer().status
                if status != 200 { note("\(source.note)\(status ?? 0)") }
            } catch {
                client = nil
                note("\(error)")
            }
            count += 1
            state.withLock { $0.answered[caller] += 1 }
            // The load is steady and does not grow.
            poll(nil, 0, 2)
        }
    }

    private func nextSource(_ count: Int) -> Source? {
        state.withLock { $0.isOver ? nil : $0.sources[count % $0.sources.count] }
    }

    private func note(_ what: String) {
        state.withLock { if $0.refused.count < 100 { $0.refused.append(what) } }
    }

    static func body(signedWith secret: String) throws -> String {
        let token = try TokenIssuer(secret: secret).issue(
            userID: 1, username: "alice",
            expiresAt: UnixTime(seconds: UnixTime.now().wholeSeconds + 3_600))
        return APIServer.body(token: token)
    }
}
