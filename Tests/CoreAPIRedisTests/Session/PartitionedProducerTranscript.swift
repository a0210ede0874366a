import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Shared helpers of the tests of partitions: as `ProducerTranscript`, with the login. A command of
/// partition 2 is shown behind `2/`.
protocol PartitionedProducerTranscript: ProducerTranscript {}

extension PartitionedProducerTranscript {
    typealias Machine = PartitionedProducerMachine<Int>

    var partitions: ProducerPartitions {
        let script = script
        return ProducerPartitions(
            count: 4,
            call: { partition in
                ProducerCall(
                    script: script, sessionKey: Array("\(partition)".utf8),
                    queueKeys: [Array("queue".utf8)], queueWords: [])
            },
            slot: { HashSlot(ofKey: "\($0)".utf8) })
    }

    func machine(
        limits: ProducerLimits = ProducerLimits(), barrier: RedisBarrier? = nil,
        isNode: Bool = false
    ) throws -> Machine {
        // As in `ProducerTranscript`, batches do not wait for each other.
        var limits = limits
        limits.batchesInFlightMax = 1_000
        return Machine(
            url: try RedisURL("redis://h"), partitions, limits: limits,
            replyTimeoutMilliseconds: 2_000, barrier: barrier, isNode: isNode, now: start)
    }

    @discardableResult func submit(
        _ waiter: Int, key: String? = nil, to partition: Int, _ machine: inout Machine
    ) -> RedisSubmitAction {
        machine.submit(
            waiter, partition: partition, now: start, ProducerTraits(isKeyed: key != nil),
            keys: { addKey(key, &$0) }, words: { addWords(waiter, key, &$0) })
    }

    /// What a flush sends.
    func sent(_ machine: inout Machine, at now: MonotonicTime? = nil) -> [String] {
        sent({ send throws(SystemError) in try machine.flush(now: now ?? start, send) }) {
            texts(ofPartitions: $0)
        }
    }

    func texts(ofPartitions bytes: [UInt8]) -> [String] {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        // The session's key follows the number of keys.
        let keys = words.indices.filter { words[$0] == "EVALSHA" }.map { words[$0 + 6] }
        var rest = keys[...]
        return texts(of: bytes).map { text in
            ["WAIT", "ASKING"].contains(text) ? text : "\(rest.popFirst() ?? "")/\(text)"
        }
    }

    func reply(_ reply: RedisReply, _ machine: inout Machine) -> String {
        text(of: machine.received(reply, now: start), words)
    }

    func words(_ resolutions: [Machine.Resolution]) -> [String] {
        resolutions.map { resolution in
            switch resolution.result {
            case .success: "\(resolution.waiter) applied"
            case .failure(.notExecuted): "\(resolution.waiter) not executed"
            case .failure(.mayBeExecuted): "\(resolution.waiter) may be executed"
            }
        }
    }

    func logIn(_ machine: inout Machine) {
        _ = machine.connected(now: start)
        for script in partitions.call(0).scripts { _ = reply(text(script.digest), &machine) }
    }

    /// The machine after the login, with the session of partition 0 at its first fence.
    func open(
        limits: ProducerLimits = ProducerLimits(), barrier: RedisBarrier? = nil
    ) throws -> Machine {
        var machine = try machine(limits: limits, barrier: barrier)
        logIn(&machine)
        #expect(sent(&machine) == ["0/open"])
        #expect(reply(opened(-1), &machine) == "flush")
        #expect(sent(&machine) == ["0/fence -1 1"])
        #expect(reply(.integer(1), &machine) == "ready")
        #expect(machine.isReady)
        #expect(sent(&machine) == [])
        return machine
    }
}
