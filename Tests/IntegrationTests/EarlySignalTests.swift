import Foundation
import Testing

/// Signals that come while the server starts.
@Suite(.serialized, .timeLimit(.minutes(5))) struct EarlySignalTests {
    /// The dynamic loader runs before the server does: until then SIGHUP is what it was for the
    /// process that started it.
    @Test func `a server that is started with SIGHUP ignored survives it from its first moment on`()
        async throws
    {
        // The shell becomes the server, whose number is the shell's.
        let hangUps = "trap '' HUP; { for i in {1..1000}; do kill -HUP $$; done; } & true"
        for _ in 0..<20 {
            try await APIServer.with(["QUEUE": "memory", "THREADS": "1"], after: hangUps) {
                server in
                #expect(try server.post(APIServer.body()).status == 200)
                // It is not ignored any more.
                try await eventually("SIGHUP is answered") {
                    server.program.signal(SIGHUP)
                    return server.program.errors.contains("SIGHUP changes nothing")
                }
                #expect(try server.post(APIServer.body()).status == 200)
            }
        }
    }

    @Test func `SIGTERM while the server starts ends it in order, and in order alone`() async throws
    {
        for milliseconds in 0..<20 {
            let program = try Program(
                Program.built("core-api"),
                environment: [
                    "JWT_SECRET": APIServer.secret, "QUEUE": "memory", "HTTP_PORT": "0",
                    "LOG_FORMAT": "json", "THREADS": "1",
                ])
            try await Task.sleep(for: .milliseconds(milliseconds))
            program.signal(SIGTERM)
            let status = try await program.status()
            // -1: the signal came before the first line of the program.
            #expect(status == 0 || status == -1 && program.errors.isEmpty, "\(program.errors)")
        }
    }
}
