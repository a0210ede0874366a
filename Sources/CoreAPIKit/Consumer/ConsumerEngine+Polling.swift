internal import CoreAPIBase
internal import CoreAPIRedis
internal import Logging

/// Fetches entries of a cluster. `XREADGROUP` takes keys of one slot alone, so each partition is
/// asked for itself; the commands of a look or a round leave together, in one write to each node.
extension ConsumerEngine {
    /// Looks at all partitions if that is due, reads the next ones that have something, and pauses
    /// after a look that has found nothing.
    func pollOnce(_ polling: ConsumerPolling) async {
        await look(polling)
        let turns = reserve { polling.take(room: $0, now: .now()) }
        for turn in turns {
            Task {
                let (outcome, isGivenBack) = await poll(turn)
                release(turn.partition)
                polling.read(turn.partition, outcome, claimsSoon: isGivenBack)
            }
        }
        await polling.answers()
        releaseExcess(of: polling.unanswered)
        guard room > 0 else { return }
        let pause = polling.pause(now: .now())
        if pause > 0 { try? await Task.sleep(for: .milliseconds(pause)) }
    }

    private func look(_ polling: ConsumerPolling) async {
        guard case .cluster(let nodes) = connections else { return }
        let looks = polling.takeLook(now: .now())
        guard !looks.isEmpty else { return }
        let commands = looks.map { look in
            (partitions[look.partition].look(after: look.after), partitions.slot(look.partition))
        }
        nodes.submit(commands) { index, result in
            polling.looked(at: looks[index].partition, result)
        }
        await polling.answers()
    }

    /// Claims from a partition, if that is due, and reads from it. Returns how that ended, and
    /// whether something was given back.
    private func poll(
        _ turn: ConsumerPolling.Turn
    ) async -> (ConsumerPolling.Outcome, isGivenBack: Bool) {
        var isGivenBack = false
        do throws(RedisError) {
            var left = turn.countMax
            if let scans = turn.scans {
                let claimed = try await claim(turn.partition, countMax: left, scans: scans)
                left -= claimed.count
                isGivenBack = claimed.isGivenBack
            }
            guard left > 0, !isGivenBack else { return (.unread, isGivenBack) }
            let command = partitions[turn.partition].read(count: left, blockMilliseconds: nil)
            let entries = try partitions.entries(
                read: await reply(command, in: turn.partition, for: "read"))
            isGivenBack = await deliver(entries)
            guard let last = entries.last else { return (.nothing, isGivenBack) }
            return (.entries(last: last.name.id), isGivenBack)
        } catch {
            guard !error.isLastingForConsumer else { return (.failed, isGivenBack) }
            warn("entries cannot be fetched", error)
            // The group or the stream is gone, unless the error is another one: see `fetchOnce`.
            var outcome = ConsumerPolling.Outcome.failed
            if case .server(let answer) = error, [.noGroup, .other].contains(answer.kind) {
                try? await claimPartitions()
                try? await join(turn.partition)
                outcome = .joined
            }
            try? await Task.sleep(for: .milliseconds(RedisLimits().pauseMillisecondsMin))
            return (outcome, isGivenBack)
        }
    }
}
