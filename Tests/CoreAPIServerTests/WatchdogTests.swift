import CoreAPIBase
import Synchronization
import Testing

@testable import CoreAPIServer

@Suite struct WatchdogTests {
    @Test func `a notice follows once every loop has turned, and a hung loop keeps it back`() {
        var watchdog = Watchdog(loopCount: 3)
        for _ in 1...2 {
            #expect(watchdog.intervalEnded() == .ask)
            #expect(watchdog.turned() == .nothing)
            #expect(watchdog.turned() == .nothing)
            #expect(watchdog.intervalEnded() == .nothing, "one loop has not turned")
            #expect(watchdog.intervalEnded() == .nothing)
            #expect(watchdog.turned() == .notify)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `notices come while all loops turn, and not while one does not`() async throws {
        let loops = try (0..<3).map { _ in try EventLoop() }
        for loop in loops { try Thread.start { loop.run() } }
        let count = Atomic(0)
        WatchdogTimer(loops, intervalMilliseconds: 1) { count.add(1, ordering: .relaxed) }.start()
        func notices(_ more: Int) async throws {
            let before = count.load(ordering: .relaxed)
            while count.load(ordering: .relaxed) < before + more {
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        try await notices(3)
        let hangs = Atomic(false)
        let isFree = Atomic(false)
        loops[1].submit {
            hangs.store(true, ordering: .releasing)
            while !isFree.load(ordering: .acquiring) {}
        }
        while !hangs.load(ordering: .acquiring) { try await Task.sleep(for: .milliseconds(1)) }
        // The other two have turned often by then.
        let before = count.load(ordering: .relaxed)
        for _ in 0..<5 { await Turn.of(loops[0]) }
        try await Task.sleep(for: .milliseconds(100))
        #expect(count.load(ordering: .relaxed) <= before + 1)
        isFree.store(true, ordering: .releasing)
        try await notices(3)
        for loop in loops { loop.stop() }
    }

    private enum Turn {
        static func of(_ loop: EventLoop) async {
            await Suspension<Void>.value { waiter in
                loop.submit { waiter.resume(returning: ()) }
            }
        }
    }

    // MARK: - The environment

    private func milliseconds(_ variables: [String: String]) throws -> Int? {
        try ServiceManager.watchdogMilliseconds(
            { variables[$0].map { Array($0.utf8) } }, process: 7)
    }

    @Test func `half of WATCHDOG_USEC is the interval, for the process of WATCHDOG_PID`() throws {
        #expect(try milliseconds([:]) == nil)
        #expect(try milliseconds(["WATCHDOG_PID": "7"]) == nil)
        #expect(try milliseconds(["WATCHDOG_USEC": "30000000"]) == 15_000)
        #expect(try milliseconds(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"]) == 15_000)
        #expect(try milliseconds(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"]) == nil)
        #expect(try milliseconds(["WATCHDOG_USEC": "1"]) == 1)
        for value in ["0", "-1", "x"] {
            #expect(throws: ConfigurationError.self) { try milliseconds(["WATCHDOG_USEC": value]) }
        }
    }

    private func sockets(_ variables: [String: String]) throws -> InheritedSockets {
        var all = variables
        all["LISTEN_PID"] = all["LISTEN_PID"] ?? "7"
        let environment = all
        return try ServiceManager.inheritedSockets(
            { environment[$0].map { Array($0.utf8) } }, process: 7)
    }

    @Test func `inherited sockets are told apart by their names`() throws {
        #expect(try sockets([:]) == InheritedSockets())
        #expect(try sockets(["LISTEN_FDS": "1"]) == InheritedSockets(callers: [3]))
        #expect(try sockets(["LISTEN_FDS": "2"]) == InheritedSockets(callers: [3, 4]))
        #expect(
            try sockets(["LISTEN_FDS": "3", "LISTEN_FDNAMES": "a:metrics:"])
                == InheritedSockets(callers: [3, 5], operators: [4]))
        #expect(
            try sockets(["LISTEN_FDS": "1", "LISTEN_PID": "8"]) == InheritedSockets())
        for (count, names) in [("2", "a"), ("1", "a:b"), ("65", ""), ("x", "")] {
            #expect(throws: ConfigurationError.self) {
                try sockets(["LISTEN_FDS": count, "LISTEN_FDNAMES": names])
            }
        }
    }
}
