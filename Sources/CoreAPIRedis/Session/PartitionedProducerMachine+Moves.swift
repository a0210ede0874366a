internal import CoreAPIBase

/// Sessions that move between the nodes of a Redis Cluster, with their slots.
///
/// A session leaves a node as it leaves a connection that broke, and is opened by the other node:
/// its key has moved there with its slot, so its number tells what was applied. A copy of a batch
/// that the first node still has meets the fence.
extension PartitionedProducerMachine {
    /// A node does not serve the slot of a session, now or at all.
    struct Redirection: Equatable {
        let partition: Int
        /// `MOVED`, `ASK`, `TRYAGAIN` or `CLUSTERDOWN`.
        let error: RedisServerError
        /// Whether the command has no other key than the session's: it opens the session.
        let concernsSession: Bool
    }

    /// The sessions that were redirected since the last call. They send nothing until `resume`, or
    /// until they are attached to another machine.
    mutating func takeRedirections() -> [Redirection] { exchange(&redirections, with: []) }

    /// Whether `takeRedirections` has any.
    var hasRedirections: Bool { !redirections.isEmpty }

    mutating func redirected(
        _ place: Int, _ error: RedisServerError, _ now: MonotonicTime
    ) -> RedisConnectionAction<Resolution> {
        let concernsSession = places[place].session.isOpening
        let resolutions = change(place) { $0.redirected(.server(error), now: now) }
        ignoreReplies(to: place)
        places[place].isHeld = true
        if let partition = indices.firstIndex(of: place) {
            redirections.append(
                Redirection(
                    partition: partition, error: error, concernsSession: concernsSession))
        }
        return .resolveAll(resolutions)
    }

    /// Removes a partition's session, and gives it with the waits that have ended; nil if there is
    /// none.
    mutating func detach(
        _ partition: Int, now: MonotonicTime
    ) -> (session: ProducerSession<Waiter>, resolutions: [Resolution])? {
        guard let place = indices[partition] else { return nil }
        indices[partition] = nil
        let resolutions = change(place) { $0.lost(.connectionLost, now: now) }
        ignoreReplies(to: place)
        let empty = newSession(partition)
        let session = change(place) { exchange(&$0, with: empty) }
        places[place].isHeld = false
        places[place].isVacant = true
        redirections.removeAll { $0.partition == partition }
        return (session, resolutions)
    }

    /// Takes a session that has left another machine: flush, if the connection is ready.
    mutating func attach(_ session: ProducerSession<Waiter>, partition: Int) {
        precondition(indices[partition] == nil, "attach() of a partition that has a session")
        mark(add(session, partition))
    }

    /// Whether a partition's commands follow `ASKING`, since its slot has not moved here wholly.
    /// To be called while the partition has no session here.
    mutating func setAsks(_ asks: Bool, _ partition: Int) {
        precondition(indices[partition] == nil, "setAsks() of a partition that has a session")
        if asks { asking.insert(partition) } else { asking.remove(partition) }
    }

    /// The session tries again with this node: flush.
    mutating func resume(_ partition: Int) {
        guard let place = indices[partition], places[place].isHeld else { return }
        places[place].isHeld = false
        mark(place)
    }

    /// The session has given up what it has sent.
    private mutating func ignoreReplies(to place: Int) {
        for index in awaited.indices {
            switch awaited[index] {
            case .session(place): awaited[index] = .ignored
            case .barrier(let confirmed) where confirmed.contains(place):
                awaited[index] = .barrier(confirmed.filter { $0 != place })
            case .session, .barrier, .ignored: break
            }
        }
        marked.removeAll { $0 == place }
        unconfirmed.removeAll { $0 == place }
        (places[place].isMarked, places[place].isUnconfirmed) = (false, false)
    }
}
