import CoreAPIBase
import Glibc
import Synchronization

/// Callers that post transactions continuously with given tokens, and their unexpected answers.
final class FixedTokenLoad: Sendable {
    private static let callers = 3
    /// A new connection comes to another loop, as the kernel likes.
    private static let requestsPerConnection = 20

    private struct State {
        var tokens: [String]
        var answered = [Int](repeating: 0, count: FixedTokenLoad.callers)
        var refused: [String] = []
        var running = FixedTokenLoad.callers
        var isOver = false
    }

    private let port: UInt16
    private let state: Mutex<State>

    /// Posts while the body runs.
    ///
    /// - Parameter tokens: used in turn.
    static func with(
        _ server: APIServer, tokens: [String], _ body: (FixedTokenLoad) async throws -> Void
    ) async throws {
        let load = FixedTokenLoad(server.port, tokens)
        for caller in 0..<FixedTokenLoad.callers { try Thread.start { load.call(caller) } }
        let result: Result<Void, any Error>
        do { result = .success(try await body(load)) } catch { result = .failure(error) }
        load.state.withLock { $0.isOver = true }
        try await eventually("the callers end") { load.state.withLock { $0.running } == 0 }
        try result.get()
    }

    private init(_ port: UInt16, _ tokens: [String]) {
        self.port = port
        state = Mutex(State(tokens: tokens))
    }

    /// Every answer but 200, and every connection that broke.
    var refused: [String] { state.withLock { $0.refused } }

    /// Uses these tokens from now on; returns once each caller has used them.
    func use(_ tokens: [String]) async throws {
        state.withLock { $0.tokens = tokens }
        try await answers(2 + tokens.count)
    }

    /// Returns once each caller has received the given number of further answers.
    func answers(_ count: Int) async throws {
        let before = state.withLock { $0.answered }
        try await eventually("each caller has \(count) more answers") {
            zip(before, self.state.withLock { $0.answered }).allSatisfy { $1 >= $0 + count }
        }
    }

    private func call(_ caller: Int) {
        defer { state.withLock { $0.running -= 1 } }
        var client: RawClient?
        var count = caller
        while let token = nextToken(count) {
            do {
                if client == nil || count % FixedTokenLoad.requestsPerConnection == 0 {
                    client = try RawClient(port: port)
                }
                try client?.send(APIServer.post(APIServer.body(token: token)))
                let status = try client?.readAnswer().status
                if status != 200 { note("\(status ?? 0)") }
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

    private func nextToken(_ count: Int) -> String? {
        state.withLock { $0.isOver ? nil : $0.tokens[count % $0.tokens.count] }
    }

    private func note(_ what: String) {
        state.withLock { if $0.refused.count < 100 { $0.refused.append(what) } }
    }
}
