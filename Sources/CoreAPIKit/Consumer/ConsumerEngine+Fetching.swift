internal import CoreAPIBase
internal import CoreAPIRedis
internal import Logging

/// Which partitions are next: to be read, and to be searched for dead consumers.
struct FetchRotation {
    var read: PartitionRotation
    var scan: PartitionRotation

    init(_ count: Int) {
        read = PartitionRotation(count)
        scan = PartitionRotation(count)
    }
}

/// Fetches entries of one server, of all partitions in turns.
extension ConsumerEngine {
    /// Claims if a claim is due, then reads if there is still room. Backs off after a failure.
    func fetchOnce(_ schedule: inout FetchSchedule, _ rotation: inout FetchRotation) async {
        do throws(RedisError) {
            if let scans = schedule.claimIsDue(now: .now()) {
                if partitions.count == 1 {
                    _ = try await claim(0, countMax: room, scans: scans)
                } else {
                    try await claimDue(&rotation.scan, claimsOfScan: schedule.claimsOfScan)
                }
            }
            try await read(&schedule, &rotation.read)
            schedule.succeeded()
        } catch {
            guard !error.isLastingForConsumer else { return }
            warn("entries cannot be fetched", error)
            let pauseMilliseconds = schedule.failed()
            // If the group or the stream is gone, the error depends on the command and on the
            // version of Redis.
            if case .server(let answer) = error, [.noGroup, .other].contains(answer.kind) {
                try? await join()
            }
            try? await Task.sleep(for: .milliseconds(pauseMilliseconds))
        }
    }

    /// Creates the group in each partition if it is missing, and joins it.
    func join() async throws(RedisError) {
        try await claimPartitions()
        try await withEach(Array(partitions.partitions.indices)) { partition throws(RedisError) in
            try await self.join(partition)
        }
    }

    /// Creates the group in the partition if it is missing, and joins it.
    func join(_ partition: Int) async throws(RedisError) {
        let commands = partitions[partition]
        do throws(RedisError) {
            _ = try await reply(commands.createGroup, in: partition, for: "make the group")
        } catch {
            guard case .server(let answer) = error, answer.kind == .groupExists else {
                throw error
            }
        }
        _ = try await reply(commands.join, in: partition, for: "join the group")
    }

    /// Throws if Redis has another number of partitions; gives it this one if it has none.
    func claimPartitions() async throws(RedisError) {
        let claim = partitions.partitions.claim
        let reply: RedisReply
        do {
            reply = try await connections.execute(
                claim.command, slot: HashSlot(ofKey: partitions.partitions.claimKey.utf8))
        } catch {
            // The access list of a consumer of one partition need not permit it.
            if case .server(let answer) = error.reason, answer.kind == .noPermission,
                partitions.count == 1
            {
                return
            }
            throw error.reason
        }
        if let failure = claim.failure(after: reply) {
            giveUp(failure, "check the number of partitions")
            throw failure
        }
    }

    // MARK: - Claims

    /// Claims what is due in a partition.
    ///
    /// - Parameter countMax: how many entries it may return.
    /// - Returns: how many it has returned, and whether some of them were given back.
    func claim(
        _ partition: Int, countMax: Int, scans: Bool
    ) async throws(RedisError) -> (count: Int, isGivenBack: Bool) {
        let command = partitions[partition].claim(
            room: countMax, attemptsMax: options.attemptsMax,
            visibilityMilliseconds: options.visibilityTimeout.wholeMilliseconds, scans: scans)
        let claimed = try ClaimedEntries(
            reply: await reply(command, in: partition, for: "claim"), partition: partition)
        for entry in claimed.deadLettered { deadLettered(entry, reason: "not acknowledged") }
        removed(claimed.removed, partition)
        return (claimed.entries.count, await deliver(claimed.entries))
    }

    /// Claims in the partitions that have retries that are due, and in the next ones whose other
    /// consumers are to be looked at.
    private func claimDue(
        _ rotation: inout PartitionRotation, claimsOfScan: Int
    ) async throws(RedisError) {
        let number = (partitions.count + claimsOfScan - 1) / claimsOfScan
        let scanned = rotation.take(number)
        for partition in scanned where room > 0 {
            _ = try await claim(partition, countMax: room, scans: true)
        }
        for group in rotation.groups(of: ConsumerPartitions.streamsOfScriptMax) where room > 0 {
            let found = try await reply(
                partitions.due(group), in: group[0], for: "find retries")
            for partition in try partitions.due(found, of: group) where room > 0 {
                _ = try await claim(partition, countMax: room, scans: false)
            }
        }
    }

    // MARK: - Reads

    /// Reads new entries, and waits for one if there are none.
    private func read(
        _ schedule: inout FetchSchedule, _ rotation: inout PartitionRotation
    ) async throws(RedisError) {
        guard room > 0 else { return }
        if partitions.count > 1, try await take(&rotation) { return }
        let command = partitions.read(
            count: room, blockMilliseconds: schedule.blockMilliseconds)
        let read = try await reply(command, in: 0, for: "read", blocks: true)
        // What is given back comes before new entries.
        if await deliver(try partitions.entries(read: read)) { schedule.claimSoon() }
    }

    /// Takes what the partitions have, up to the room, and goes on behind the last one next time.
    /// Returns false if none has anything.
    private func take(_ rotation: inout PartitionRotation) async throws(RedisError) -> Bool {
        var isAnyTaken = false
        for group in rotation.groups(of: ConsumerPartitions.streamsOfScriptMax) {
            let room = room
            guard room > 0 else { break }
            let taken = try partitions.entries(
                read: await reply(
                    partitions.take(group, count: room), in: group[0], for: "read"))
            guard let last = taken.last else { continue }
            rotation.resume(after: last.name.partition)
            isAnyTaken = true
            await deliver(taken)
        }
        return isAnyTaken
    }

    // MARK: - Deliveries

    /// Delivers the transactions that there is room for, gives the others back, and moves entries
    /// that are not transactions to the dead-letter stream. Returns whether any are given back.
    @discardableResult
    func deliver(_ received: [ReceivedEntry]) async -> Bool {
        var entries: [Machine.Entry] = []
        var flawed: [(ReceivedEntry, StreamEntryFlaw)] = []
        for entry in received {
            do throws(StreamEntryFlaw) {
                let transaction = try StreamEntry.decode(entry.words)
                entries.append(
                    Machine.Entry(
                        name: entry.name, transaction: transaction,
                        statusSeconds: StreamEntry.statusSeconds(entry.words)))
            } catch { flawed.append((entry, error)) }
        }
        var excess: [DeliveryName] = []
        for (partition, entries) in Dictionary(grouping: entries, by: \.name.partition) {
            excess += hold(entries, of: partition).map(\.name)
        }
        await giveBack(excess)
        // If the dead letter cannot be written now, the entry stays pending and is claimed later.
        for (entry, flaw) in flawed {
            await deadLetter(entry.name, reason: "\(flaw)")
        }
        return !excess.isEmpty
    }

    /// Returns deliveries that no handler took to the group: their entries are due at once, and the
    /// delivery does not count as an attempt.
    func giveBack(_ deliveries: [DeliveryName]) async {
        guard !deliveries.isEmpty else { return }
        let names = Dictionary(grouping: deliveries, by: \.partition)
        do throws(RedisError) {
            try await withEach(Array(names.keys)) { partition throws(RedisError) in
                let command = self.partitions[partition].giveBack(names[partition] ?? [])
                let reply = try await self.reply(command, in: partition, for: "give back")
                self.removed(try DeliveryName.ids(of: reply), partition)
            }
        } catch {
            // They stay pending: a consumer claims them after the visibility timeout.
            logger.notice(
                "untaken deliveries could not be given back", metadata: ["reason": "\(error)"])
        }
    }
}
