internal import CoreAPIBase
public import CoreAPIRedis
internal import Synchronization

/// The number of letters of each place; of a cluster also while nodes are away.
extension RedisDeadLetterStore {
    /// The number of letters of each place.
    struct Counts {
        /// Nil of a place whose node did not answer.
        var ofPlaces: [Int?]
        /// Why one of them did not.
        var failure: RedisError?

        var unreached: [Int] { ofPlaces.indices.filter { ofPlaces[$0] == nil } }
        var sum: Int { ofPlaces.reduce(0) { $0 + ($1 ?? 0) } }
    }

    /// Asks for the number of letters of each place. Throws if no place is reached, and a failure
    /// that is not of one node.
    ///
    /// - Parameter asksAll: false to leave out places that did not answer in the last seconds.
    func counts(asksAll: Bool) async throws(RedisError) -> Counts {
        guard client.isCluster else { return try await countsOfServer() }
        var counts = Counts(ofPlaces: Array(repeating: nil, count: placeCount), failure: nil)
        let known = asksAll ? [] : away.withLock { $0.places(now: .now()) }
        counts.failure = known.isEmpty ? nil : .slotUnserved
        let asked = Array(0..<placeCount).filter { !known.contains($0) }
        for start in stride(from: 0, to: asked.count, by: QueueProbe.partitionsOfCallMax) {
            let end = min(start + QueueProbe.partitionsOfCallMax, asked.count)
            let places = Array(asked[start..<end])
            let results = await concurrently(places) { place throws(RedisError) in
                try await self.count(place..<place + 1)[0]
            }
            for (place, result) in zip(places, results) {
                do { counts.ofPlaces[place] = try result.get() } catch {
                    try passOver(place, error)
                    counts.failure = error
                }
            }
        }
        if let failure = counts.failure, counts.unreached.count == placeCount {
            guard known.isEmpty else { return try await self.counts(asksAll: true) }
            throw failure
        }
        return counts
    }

    private func countsOfServer() async throws(RedisError) -> Counts {
        var counts: [Int] = []
        for start in stride(from: 0, to: placeCount, by: QueueProbe.partitionsOfCallMax) {
            let end = min(start + QueueProbe.partitionsOfCallMax, placeCount)
            counts += try await count(start..<end)
        }
        return Counts(ofPlaces: counts, failure: nil)
    }

    private func count(_ places: Range<Int>) async throws(RedisError) -> [Int] {
        let reply = try await call(scripts.count, places.map(key), [], isPaced: false)
        guard case .array(let numbers) = reply, numbers.count == places.count else {
            throw .protocolViolation
        }
        return numbers.map { QueueProbe.count($0) ?? 0 }
    }

    /// Notes that a place is not reached. Throws the error if it is not of one node of a cluster.
    func passOver(_ place: Int, _ error: RedisError) throws(RedisError) {
        guard client.isCluster, error.isOfNode else { throw error }
        away.withLock { $0.insert(place, now: .now()) }
    }

    public func count() async throws(RedisError) -> Int {
        let counts = try await counts(asksAll: true)
        if let failure = counts.failure { throw failure }
        return counts.sum
    }

    public func countReached() async throws(RedisError) -> DeadLetterCount {
        let counts = try await counts(asksAll: false)
        return DeadLetterCount(count: counts.sum, unreached: counts.unreached)
    }

    // MARK: - Partitions

    /// How many partitions Redis has for the stream, if that is another number: -1 if it is none;
    /// nil if it is the same, if no number is known yet, and for rq. Nothing is written, other than
    /// by the login of a queue (`StreamPartitions.claim`).
    package func otherPartitionCount() async throws(RedisError) -> Int? {
        guard case .stream(let partitions) = kind else { return nil }
        let known = try await reply("GET", partitions.claimKey)
        if case .bulk(let digits) = known {
            let count = Digits.integer(0..<digits.count, of: digits.span) ?? -1
            return count == partitions.count ? nil : count
        }
        guard known == .null else { throw .protocolViolation }
        if partitions.count == 1 { return nil }
        return try await reply("EXISTS", partitions.key) == .integer(1) ? 1 : nil
    }

    private func reply(_ name: String, _ key: String) async throws(RedisError) -> RedisReply {
        var command = RedisCommand(capacity: 64)
        command.add([name, key])
        switch await client.reply(to: command, slot: HashSlot(ofKey: key.utf8)) {
        case .success(.error(let error)): throw .server(error)
        case .success(let reply): return reply
        case .failure(let failure): throw failure.reason
        }
    }
}
