internal import CoreAPIBase

extension PartitionedProducerMachine {
    // MARK: - Sending

    /// Writes what the sessions have to send, then one barrier for all.
    mutating func encode(_ now: MonotonicTime) {
        for place in exchange(&marked, with: []) {
            places[place].isMarked = false
            if places[place].isHeld { continue }
            if places[place].session.isDisconnected { places[place].session.loggedIn() }
            let replyCount = places[place].session.encode(now, to: &output)
            if places[place].session.asks {
                // Every second reply is that to `ASKING`.
                for _ in 0..<(replyCount / 2) {
                    awaited.append(.ignored)
                    awaited.append(.session(place))
                }
            } else {
                for _ in 0..<replyCount { awaited.append(.session(place)) }
            }
            if places[place].session.wantsBarrier, !places[place].isUnconfirmed {
                places[place].isUnconfirmed = true
                unconfirmed.append(place)
            }
        }
        encodeBarrier()
    }

    private mutating func encodeBarrier() {
        guard let barrier, !awaitsBarrier, !unconfirmed.isEmpty else { return }
        let confirmed = exchange(&unconfirmed, with: [])
        for place in confirmed {
            places[place].isUnconfirmed = false
            places[place].session.barrierLeft()
        }
        output.append(
            barrier.command(messageTimeoutMilliseconds: limits.messageTimeoutMilliseconds))
        awaited.append(.barrier(confirmed))
        awaitsBarrier = true
    }

    // MARK: - Replies

    mutating func receivedForSessions(
        _ reply: RedisReply, _ now: MonotonicTime
    ) -> RedisConnectionAction<Resolution> {
        switch awaited.popFirst() {
        case nil: return .fail(.protocolViolation)
        case .ignored: return .none
        case .session(let place): return received(reply, place, now)
        case .barrier(let confirmed): return receivedForBarrier(reply, confirmed, now)
        }
    }

    private mutating func received(
        _ reply: RedisReply, _ place: Int, _ now: MonotonicTime
    ) -> RedisConnectionAction<Resolution> {
        if case .error(let error) = reply, isNode, error.kind.concernsSlot {
            return redirected(place, error, now)
        }
        let wasOpening = places[place].session.isOpening
        switch change(place, { $0.received(reply, now: now) }) {
        case .none:
            guard places[place].session.hasOutput else { return .none }
            mark(place)
            return .flush
        case .flush:
            mark(place)
            return .flush
        case .resolve(let resolutions):
            if places[place].session.hasOutput {
                mark(place)
            } else if case .one(let resolution) = resolutions {
                return .resolve(resolution)
            }
            return .resolveAll(resolutions.array)
        case .ready(let resolutions, let lost):
            report(lost, replacedKey: places[place].session.takeReplacedKey())
            mark(place)
            let all = resolutions.array + askOthers(than: place, now)
            guard state == .opening else { return .resolveAll(all) }
            state = .open
            return .ready(all)
        case .fail(let error):
            guard wasOpening, isOfSession(error, place) else { return .fail(error) }
            return .resolveAll(change(place) { $0.lost(error, now: now) + $0.failAll(error) })
        }
    }

    /// A session has found another Redis, or another history of this one, over the same connection:
    /// the others ask, too, since those that are idle would only learn of a loss from their next
    /// message. One that awaits a reply learns of it from that.
    private mutating func askOthers(than place: Int, _ now: MonotonicTime) -> [Resolution] {
        let run = places[place].session.run
        var resolutions: [Resolution] = []
        for other in places.indices where other != place {
            guard places[other].session.isReady, !places[other].session.isAwaiting,
                places[other].session.run != run
            else { continue }
            resolutions += change(other) { $0.lost(.connectionLost, now: now) }
            mark(other)
        }
        return resolutions
    }

    /// Whether Redis refuses to open one session alone, while another one is open or may be opened:
    /// a right that is missing for its key, for example. One that was open before may have
    /// something to send again, so the connection is made anew until it is open.
    private mutating func isOfSession(_ error: RedisError, _ place: Int) -> Bool {
        guard case .server(let reply) = error, !reply.isPassing,
            !places[place].session.wasOpen
        else { return false }
        return state == .open || places.indices.contains { places[$0].session.isOpening }
    }

    /// The reply is one for each of the sessions.
    private mutating func receivedForBarrier(
        _ reply: RedisReply, _ confirmed: [Int], _ now: MonotonicTime
    ) -> RedisConnectionAction<Resolution> {
        awaitsBarrier = false
        var all: [Resolution] = []
        for place in confirmed {
            let action = change(place) { $0.received(reply, now: now) }
            if places[place].session.hasMissedBarrier {
                places[place].session.hasMissedBarrier = false
                hasMissedBarrier = true
            }
            switch action {
            case .none: if places[place].session.hasOutput { mark(place) }
            case .flush: mark(place)
            case .resolve(let resolutions):
                all += resolutions.array
                if places[place].session.hasOutput { mark(place) }
            case .ready: return .fail(.protocolViolation)
            // The same reply fails the first of them, before any is resolved.
            case .fail(let error): return .fail(error)
            }
        }
        return .resolveAll(all)
    }
}
