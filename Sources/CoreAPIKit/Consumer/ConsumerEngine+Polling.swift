internal import CoreAPIBase
internal import CoreAPIRedis
internal import Logging

/// Fetches entries of a cluster. `XREADGROUP` takes keys of one slot alone, so each partition is
/// asked for itself; the commands of a round leave together, in one write to each node.
extension ConsumerEngine {
    /// Polls the next partitions, and pauses after all of them had nothing.
    func pollOnce(_ polling: ConsumerPolling, _ schedule: inout FetchSchedule) async {
        let now = MonotonicTime.now()
        let period = schedule.period(now: now)
        let (claimsOfScan, turns) = (schedule.claimsOfScan, polling.take(room: room, now: now))
        for turn in turns {
            let claims = polling.claims(turn.partition, period: period)
            // Each partition is searched for dead consumers in one of these periods.
            let scans = (period + turn.partition) % claimsOfScan == 0
            Task {
                let isEmpty = await poll(turn, claims: claims, scans: scans)
                polling.answered(turn.partition, isEmpty: isEmpty)
            }
        }
        await polling.roundEnds()
        let pause = polling.takePause(now: .now())
        if pause > 0 { try? await Task.sleep(for: .milliseconds(pause)) }
    }

    /// Claims from a partition, if that is due, and reads from it. Returns whether it had nothing.
    private func poll(_ turn: ConsumerPolling.Turn, claims: Bool, scans: Bool) async -> Bool {
        do throws(RedisError) {
            var left = turn.countMax
            if claims { left -= try await claim(turn.partition, countMax: left, scans: scans) }
            guard left > 0 else { return false }
            let command = partitions[turn.partition].read(count: left, blockMilliseconds: nil)
            let entries = try partitions.entries(
                read: await reply(command, in: turn.partition, for: "read"))
            await deliver(entries)
            return entries.isEmpty && left == turn.countMax
        } catch {
            guard !error.isLastingForConsumer else { return true }
            warn("entries cannot be fetched", error)
            // The group or the stream is gone, unless the error is another one: see `fetchOnce`.
            if case .server(let answer) = error, [.noGroup, .other].contains(answer.kind) {
                try? await claimPartitions()
                try? await join(turn.partition)
            }
            try? await Task.sleep(for: .milliseconds(RedisLimits().pauseMillisecondsMin))
            return true
        }
    }
}
