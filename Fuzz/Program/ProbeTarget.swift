@testable internal import CoreAPIBase
@testable internal import CoreAPIKit
@testable internal import CoreAPIRedis

/// Arbitrary replies of Redis: the connection's machine and the queues must accept them without a
/// trap, and the probes must compute no negative figure.
enum ProbeTarget {
    static func run(_ bytes: [UInt8]) {
        var information = RedisInformation()
        information.add(bytes)
        let replies = replies(bytes)
        for reply in replies {
            check(reply)
            information.add(setting: reply)
            if case .bulk(let text) = reply {
                var part = RedisInformation()
                part.add(text)
                _ = try? record?.outcome(found: text)
            }
        }
        for url in ["redis://u:pw@h/1", "redis://h", "redis-sentinel://s?master=m"] {
            connect(url, replies)
            let barriers: [RedisBarrier?] = [
                nil, .replicas(1), .appendOnlyFile, .appendOnlyFileAndReplicas(1),
            ]
            for barrier in barriers {
                produce(url, barrier, replies)
                for isNode in [false, true] { produce(url, barrier, isNode: isNode, replies) }
            }
        }
    }

    private static func replies(_ bytes: [UInt8]) -> [RedisReply] {
        let reader = RedisReplyReader()
        reader.feed(bytes.span)
        var replies: [RedisReply] = []
        while let reply = try? reader.next() { replies.append(reply) }
        return replies
    }

    // MARK: - Probes

    private static let now = UnixTime(seconds: 1_700_000_000)

    private static func check(_ reply: RedisReply) {
        let statuses: [(QueueStatus, QueueProbe.Kind)] = [
            (QueueStatus(stream: reply, now: now), .stream(StreamPartitions(key: "s"))),
            (QueueStatus(rq: reply, silenceSecondsMax: 480, now: now), .rq(RQKeys(name: "q"))),
        ]
        for (status, kind) in statuses {
            _ = QueueAccess(reply: reply, kind)
            let figures = [
                status.depth, status.oldestAgeSeconds, status.workers?.alive,
                status.workers?.registered,
            ]
            demand(figures.allSatisfy { $0 ?? 0 >= 0 }, "\(status)")
        }
        readMap(reply)
    }

    /// A map has no master with an invalid port, and a redirection none with an invalid slot.
    private static func readMap(_ reply: RedisReply) {
        let asked = RedisAddress(host: "h", port: 1)
        for usesTLS in [false, true] {
            let map = try? ClusterMap(shards: reply, asked: asked, usesTLS: usesTLS)
            demand(map?.masters.allSatisfy { $0.port > 0 && !$0.host.isEmpty } ?? true, "a port")
        }
        _ = try? ClusterMap(slots: reply, asked: asked)
        guard case .error(let error) = reply else { return }
        let found = ClusterRedirection(error, asked: asked)
        demand(0..<HashSlot.count ~= found?.slot.number ?? 0, "a slot")
    }

    // MARK: - The connection

    private static let transaction: Transaction? = {
        guard let amount = Amount(1), let currency = CurrencyCode("USD"),
            let id = TransactionID("f47ac10b-58cc-4372-a567-0e02b2c3d479")
        else { return nil }
        return Transaction(
            queued: id, amount: amount, currency: currency, userID: 1, createdAt: now,
            traceParent: nil, traceState: nil)
    }()

    private static let record = transaction.map { TransactionRecord($0, nil) }

    private static let start = MonotonicTime(nanoseconds: 1)

    /// A login, and then commands: each reply is one event of the machine.
    private static func connect(_ url: String, _ replies: [RedisReply]) {
        guard let url = try? RedisURL(url) else { return }
        var machine = RedisConnectionStateMachine<Int>(
            url: url, limits: RedisLimits(), scripts: ConsumerScripts.all, now: start)
        for number in 0..<3 {
            var command = RedisCommand()
            command.add("PING")
            _ = machine.submitted(command, number, now: start)
        }
        run(&machine, replies)
    }

    /// A login, a session and messages with and without a key.
    private static func produce(
        _ url: String, _ barrier: RedisBarrier?, _ replies: [RedisReply]
    ) {
        guard let url = try? RedisURL(url), let transaction else { return }
        var call = StreamEntry.call(StreamPartitions(key: "s"), 0, QueueFeatures())
        // The corpus has logins without it.
        call.loginStep = nil
        var machine = ProducerStateMachine<Int>(
            url: url, call, limits: ProducerLimits(), replyTimeoutMilliseconds: 2_000,
            barrier: barrier, now: start)
        for number in 0..<3 {
            let record = TransactionRecord(transaction, number == 1 ? IdempotencyKey("k") : nil)
            _ = machine.submit(
                number, now: start, ProducerTraits(isKeyed: number == 1),
                keys: { record.addKey(of: [123, 115, 125], to: &$0) },
                words: { StreamEntry.addWords(transaction, record, to: &$0) })
        }
        run(&machine, replies)
        _ = machine.takeLosses()
    }

    /// As the other, with the sessions of two partitions, of which one leaves and comes back.
    private static func produce(
        _ url: String, _ barrier: RedisBarrier?, isNode: Bool, _ replies: [RedisReply]
    ) {
        guard let url = try? RedisURL(url), let transaction else { return }
        let names = StreamPartitions(key: "s", count: 2)
        let partitions = ProducerPartitions(
            count: 2,
            call: { partition in
                var call = StreamEntry.call(names, partition, QueueFeatures())
                call.loginStep = nil
                return call
            }, slot: { HashSlot(ofKey: names.tag($0).utf8) })
        var machine = PartitionedProducerMachine<Int>(
            url: url, partitions, limits: ProducerLimits(), replyTimeoutMilliseconds: 2_000,
            barrier: barrier, isNode: isNode, now: start)
        for number in 0..<3 {
            let record = TransactionRecord(transaction, number == 1 ? IdempotencyKey("k") : nil)
            _ = machine.submit(
                number, partition: number % 2, now: start, ProducerTraits(isKeyed: number == 1),
                keys: { record.addKey(of: [123, 115, 125], to: &$0) },
                words: { StreamEntry.addWords(transaction, record, to: &$0) })
        }
        run(&machine, replies) { machine, place in
            for redirection in machine.takeRedirections() { machine.resume(redirection.partition) }
            guard place == 5, let (session, resolutions) = machine.detach(0, now: start) else {
                return []
            }
            machine.attach(session, partition: 0)
            return resolutions
        }
        while machine.hasLosses { _ = machine.takeLosses() }
    }

    private static func run<Machine: RedisConnectionMachine>(
        _ machine: inout Machine, _ replies: [RedisReply],
        _ before: (inout Machine, _ place: Int) -> [Machine.Resolution] = { _, _ in [] }
    ) where Machine.Resolution: NumberedResolution {
        _ = machine.connected(now: start)
        var resolved: Set<Int> = []
        func resolve(_ resolutions: [Machine.Resolution]) {
            for resolution in resolutions {
                demand(resolved.insert(resolution.waiter).inserted, "answered twice")
            }
        }
        for (place, reply) in replies.enumerated() {
            resolve(before(&machine, place))
            _ = try? machine.flush(now: start) { bytes, position throws(SystemError) in
                bytes.count - position
            }
            switch machine.received(reply, now: start) {
            case .none, .flush: break
            case .ready(let resolutions), .resolveAll(let resolutions), .renew(let resolutions):
                resolve(resolutions)
            case .resolve(let resolution): resolve([resolution])
            case .fail(let error):
                demand(!"\(error)".contains("\r"), "\(error)")
                resolve(machine.lost(error, now: start))
                _ = machine.connected(now: start)
            }
        }
        resolve(machine.close())
        demand(resolved.count == 3, "\(resolved) have an answer, of 3")
    }
}

/// A result of one of the numbers.
private protocol NumberedResolution {
    var waiter: Int { get }
}

extension RedisConnectionStateMachine.Resolution: NumberedResolution where Waiter == Int {}
extension ProducerSession.Resolution: NumberedResolution where Waiter == Int {}
