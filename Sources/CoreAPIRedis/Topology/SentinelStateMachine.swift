package import CoreAPIBase

/// Finds the master by its name: which sentinel is asked next, and what their answers mean. It has
/// no socket and no clock.
///
/// Sentinels are asked one after the other. The first that names a server which is not in doubt
/// ends the question. A server is in doubt for some seconds after it turned out to be no master, or
/// after the connections left it: a sentinel that has not learnt of a failover yet still names it.
/// If sentinels name no other, the one is used whose doubt is the oldest: a server of an earlier
/// failover may be the master again.
package struct SentinelStateMachine {
    package enum Action: Equatable {
        case none
        /// Ask this sentinel, then call `answered`.
        case ask(RedisAddress)
        /// Tell this to those that wait for the question's end.
        ///
        /// - Parameter leaving: the suspected server, if sentinels name another one: connections to
        ///   it end.
        case conclude(Result<RedisAddress, RedisError>, leaving: RedisAddress? = nil)
    }

    /// What a connection does whose server has said that it is a master.
    package enum Confirmation: Equatable {
        case stay
        /// The first at this server: connections to other servers end.
        case othersLeave
        /// The sentinels name another server meanwhile: the connection ends.
        case leave
    }

    private enum State {
        /// Can transition to: asking.
        case idle
        /// A sentinel is asked. Can transition to: asking, idle.
        case asking(Question)
    }

    private struct Question {
        var asked: RedisAddress
        var remaining: ArraySlice<RedisAddress>
        /// Of the servers named, the one whose doubt is the oldest.
        var doubted: Doubt?
        /// Whether a sentinel names the suspected master.
        var namesSuspect = false
        /// Whether a sentinel has answered that it does not know the name.
        var isNameUnknown = false
        var refusal: RedisServerError?
    }

    private struct Doubt {
        let address: RedisAddress
        let until: MonotonicTime
    }

    /// How long a sentinel may take to connect and to answer: enough for TLS over 100 ms.
    package static let answerMilliseconds = 500
    /// Limit of the sentinels that are known, those of the URL among them.
    package static let sentinelsMax = 32
    /// A sentinel learns of another's failover within some seconds.
    static let doubtMilliseconds = 15_000
    /// Limit of the servers in doubt; the oldest doubt gives way.
    private static let doubtsMax = 8

    private let given: [RedisAddress]
    /// The known sentinels, in the order in which they are asked.
    package private(set) var sentinels: [RedisAddress]
    private var state = State.idle
    private var doubts: [Doubt] = []
    /// The master that confirms nothing, until a question has ended.
    private var suspect: RedisAddress?
    /// The server that the sentinels named last.
    private var named: RedisAddress?
    /// The last server that was named and has said that it is a master.
    package private(set) var master: RedisAddress?

    package init(_ sentinels: RedisSentinels) {
        given = sentinels.addresses
        self.sentinels = sentinels.addresses
    }

    // MARK: - Questions

    /// Somebody wants to know the master. A question that is under way is shared.
    package mutating func asked() -> Action {
        guard case .idle = state else { return .none }
        let first = sentinels[0]
        state = .asking(Question(asked: first, remaining: sentinels[1...]))
        return .ask(first)
    }

    /// The sentinel's answer.
    package mutating func answered(_ answer: SentinelAnswer, now: MonotonicTime) -> Action {
        guard case .asking(var question) = state else {
            preconditionFailure("answered() outside .asking")
        }
        switch answer {
        case .none: break
        case .nameUnknown: question.isNameUnknown = true
        case .refused(let error): question.refusal = question.refusal ?? error
        case .master(let address):
            if address == suspect {
                question.namesSuspect = true
            } else if let doubt = doubt(of: address, now) {
                if doubt.until < question.doubted?.until ?? .never { question.doubted = doubt }
            } else {
                moveToFront(question.asked)
                return conclude(.success(address), leaving: suspect)
            }
        }
        guard let next = question.remaining.popFirst() else {
            return conclude(result(question))
        }
        question.asked = next
        state = .asking(question)
        return .ask(next)
    }

    private func result(_ question: Question) -> Result<RedisAddress, RedisError> {
        // It may be a new master whose replicas have not followed it yet.
        if question.namesSuspect, let suspect { return .success(suspect) }
        if let doubt = question.doubted { return .success(doubt.address) }
        if question.isNameUnknown { return .failure(.masterNameUnknown) }
        if let error = question.refusal { return .failure(.sentinelRefused(error)) }
        return .failure(.sentinelsUnreachable)
    }

    private mutating func conclude(
        _ result: Result<RedisAddress, RedisError>, leaving old: RedisAddress? = nil
    ) -> Action {
        state = .idle
        suspect = nil
        if case .success(let address) = result { named = address }
        return .conclude(result, leaving: old)
    }

    private mutating func moveToFront(_ address: RedisAddress) {
        guard let index = sentinels.firstIndex(of: address), index > 0 else { return }
        sentinels.remove(at: index)
        sentinels.insert(address, at: 0)
    }

    // MARK: - Sentinels

    /// A sentinel has named the other sentinels of this master. They replace those that were learnt
    /// before; the URL's always stay.
    ///
    /// - Parameter sentinel: the one that answered, which does not name itself.
    package mutating func learned(_ others: [RedisAddress], from sentinel: RedisAddress) {
        sentinels.removeAll { !given.contains($0) && $0 != sentinel && !others.contains($0) }
        for address in others
        where sentinels.count < SentinelStateMachine.sentinelsMax && !sentinels.contains(address) {
            sentinels.append(address)
        }
    }

    // MARK: - The master

    /// The server has turned out to be no master.
    package mutating func doubted(_ address: RedisAddress, now: MonotonicTime) {
        believe(address)
        if doubts.count >= SentinelStateMachine.doubtsMax { doubts.removeFirst() }
        let until = now.advanced(byMilliseconds: SentinelStateMachine.doubtMilliseconds)
        doubts.append(Doubt(address: address, until: until))
    }

    /// The master confirms no write, for it has too few replicas: another one may have taken over,
    /// and the announcement was not heard. Begins a question that passes over the master, unless
    /// sentinels name no other, or one in doubt.
    package mutating func suspected(_ address: RedisAddress) -> Action {
        guard address == master else { return .none }
        suspect = address
        return asked()
    }

    private mutating func believe(_ address: RedisAddress) {
        doubts.removeAll { $0.address == address }
    }

    private func doubt(of address: RedisAddress, _ now: MonotonicTime) -> Doubt? {
        doubts.first { $0.address == address && $0.until > now }
    }

    /// A connection is logged in at the server, which says that it is a master.
    package mutating func confirmed(_ address: RedisAddress, now: MonotonicTime) -> Confirmation {
        // An old master may say so for some seconds after a planned failover.
        guard address == named else { return .leave }
        guard address != master else { return .stay }
        if let master { doubted(master, now: now) }
        believe(address)
        let isFirst = master == nil
        master = address
        return isFirst ? .stay : .othersLeave
    }

    /// A sentinel announces a failover (`+switch-master`). Connections to the old address end.
    package mutating func switched(
        from old: RedisAddress, to new: RedisAddress, now: MonotonicTime
    ) {
        guard old != new else { return }
        doubted(old, now: now)
        believe(new)
        named = new
    }
}
