import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A connection for commands that is made anew, and the name that each login gives.
@Suite struct RedisConnectionRenewalTests: RedisTranscript {
    private func renew(_ machine: inout Machine) -> Bool { machine.renew() }

    @Test func `commands that were sent are answered, later ones wait for the new login`() throws {
        var machine = try ready()
        #expect(submit(1, &machine) == "flush")
        #expect(try send(&machine) == echo(1))
        #expect(!renew(&machine))
        #expect(submit(2, &machine) == "wait")
        #expect(try send(&machine) == "")
        #expect(reply(ok, &machine) == "renew 1 done")
        #expect(words(machine.restarted(now: start)) == "")
        _ = machine.connected(now: start)
        #expect(try send(&machine) == echo(2))
        #expect(reply(ok, &machine) == "2 done")
    }

    @Test func `commands that were not sent do not hold the renewal up`() throws {
        var machine = try ready()
        #expect(submit(1, &machine) == "flush")
        #expect(renew(&machine))
        #expect(words(machine.restarted(now: start)) == "")
        _ = machine.connected(now: start)
        #expect(try send(&machine) == echo(1))
    }

    @Test func `a probe's connection is ended, and connects with the next command`() throws {
        var machine = Machine(
            url: try RedisURL("redis://:old@h"), limits: RedisLimits(), isOnDemand: true, now: start
        )
        #expect(submit(1, &machine) == "wait")
        _ = machine.connected(now: start)
        #expect(reply(ok, &machine) == "ready")
        _ = try send(&machine)
        #expect(reply(ok, &machine) == "1 done")
        machine.adopt(try RedisURL("redis://:new@h"))
        #expect(renew(&machine))
        #expect(words(machine.restarted(now: start)) == "")
        #expect(!machine.isWanted)
        #expect(submit(2, &machine) == "wait")
        #expect(machine.isWanted)
        let login = String(decoding: machine.connected(now: start), as: UTF8.self)
        #expect(login.contains("AUTH\r\n$3\r\nnew"))
        _ = machine.close()
        #expect(!renew(&machine) && machine.isClosed)
    }

    // MARK: - The name

    @Test func `a login gives the connection its name, and goes on where that is refused`() throws {
        let name = RedisClientName(role: "0", host: "host", process: 7)
        for reply in [ok, .error(RedisServerError(message: "NOPERM no right to client|setname"))] {
            var machine = Machine(
                url: try RedisURL("redis://u:pw@h/3"), name: name, limits: RedisLimits(),
                now: start)
            for _ in 0..<2 {
                let login = String(decoding: machine.connected(now: start), as: UTF8.self)
                let words = login.split(separator: "\r\n").filter {
                    !"*$".contains($0.first ?? " ")
                }
                #expect(
                    words == [
                        "AUTH", "u", "pw", "CLIENT", "SETNAME", "core-api:host:7:0", "SELECT", "3",
                    ])
                #expect(self.reply(ok, &machine) == "none")
                #expect(self.reply(reply, &machine) == "none")
                #expect(self.reply(ok, &machine) == "ready")
                // A reconnect names itself again.
                _ = machine.lost(.connectionLost, now: start)
            }
        }
    }

    @Test(arguments: [
        ("host", "0", "core-api:host:42:0"), ("a b\n:é", "0-probe", "core-api:a-b----:42:0-probe"),
        ("", "", "core-api::42:"), ("A.b_c-9", "map", "core-api:A.b_c-9:42:map"),
    ])
    func `a name has no space, whatever the host is called`(
        host: String, role: String, name: String
    ) {
        #expect(RedisClientName(role: role, host: host, process: 42).text == name)
    }

    @Test func `a long host name is cut off`() {
        let name = RedisClientName(
            role: String(repeating: "r", count: 100), host: String(repeating: "h", count: 300),
            process: 1)
        #expect(name.text.utf8.count == "core-api::1:".utf8.count + 2 * 64)
    }
}
