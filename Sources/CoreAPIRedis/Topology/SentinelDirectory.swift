internal import CoreAPIBase
internal import Logging

/// Knows the master of one set of sentinels, for all connections of the process: each asks before
/// it connects, and learns when the master has moved.
///
/// Its questions and its subscription run on the loop that embedders' connections share. Any thread
/// may call it.
package final class SentinelDirectory: @unchecked Sendable {
    /// The connections that must end.
    package enum Departure: Equatable, Sendable {
        /// Those to this address.
        case from(RedisAddress)
        /// Those to any other address.
        case exceptTo(RedisAddress)

        /// Whether a connection to the address must end.
        package func concerns(_ address: RedisAddress) -> Bool {
            switch self {
            case .from(let old): address == old
            case .exceptTo(let new): address != new
            }
        }
    }

    package typealias Location = Result<RedisAddress, RedisError>

    private static let registry = DirectoryRegistry<RedisSentinels, SentinelDirectory>()

    private let sentinels: RedisSentinels
    private let tls: TLSContext?
    private let commands: SentinelCommands
    private let loop: EventLoop
    private let logger: Logger

    // Only the loop's thread uses these.
    private var machine: SentinelStateMachine
    private var clients: [RedisAddress: SentinelClient] = [:]
    private var subscription: SentinelSubscription?
    private var waiters: [@Sendable (Location) -> Void] = []
    /// Why sentinels did not answer the present question.
    private var reasons: [String] = []
    private var warningLimit = WarningLimit()
    private var members: [Int: @Sendable (Departure) -> Void] = [:]

    private init(
        _ sentinels: RedisSentinels, _ tls: TLSContext?, on loop: EventLoop, _ logger: Logger
    ) {
        self.sentinels = sentinels
        self.tls = tls
        commands = SentinelCommands(sentinels)
        self.loop = loop
        self.logger = logger
        machine = SentinelStateMachine(sentinels)
    }

    // MARK: - Members

    /// The directory of these sentinels, with a new member.
    ///
    /// - Parameter onDeparture: is called on the directory's loop.
    static func join(
        _ sentinels: RedisSentinels, tls: TLSContext?, _ logger: Logger,
        onDeparture: @escaping @Sendable (Departure) -> Void
    ) throws(SystemError) -> SentinelMembership {
        let loop = try SharedEventLoop.running()
        let (directory, number) = registry.join(sentinels, tls: tls) {
            SentinelDirectory(sentinels, tls, on: loop, logger)
        }
        loop.submit { directory.add(number, onDeparture) }
        return SentinelMembership(directory, number)
    }

    private func add(_ number: Int, _ onDeparture: @escaping @Sendable (Departure) -> Void) {
        members[number] = onDeparture
        guard subscription == nil else { return }
        // The closures are released by `end`.
        subscription = SentinelSubscription(
            sentinels, commands, tls: tls, on: loop, sentinels: { self.machine.sentinels },
            onFailover: { self.switched(from: $0, to: $1) })
    }

    fileprivate func leave(_ number: Int) {
        let isLast = SentinelDirectory.registry.leave(sentinels, tls: tls)
        loop.submit {
            self.members[number] = nil
            if isLast { self.end() }
        }
    }

    private func end() {
        subscription?.close()
        subscription = nil
        for client in clients.values { client.close() }
        clients = [:]
        tell(.failure(.closed))
    }

    // MARK: - Questions

    fileprivate func locate(_ completion: @escaping @Sendable (Location) -> Void) {
        loop.submit {
            self.waiters.append(completion)
            self.perform(self.machine.asked())
        }
    }

    private func perform(_ action: SentinelStateMachine.Action) {
        switch action {
        case .none: break
        case .ask(let address):
            client(address).ask { [weak self] in self?.answered($0, by: address) }
        case .conclude(let result, let old):
            if result == .failure(.sentinelsUnreachable) { warn() }
            reasons = []
            tell(result)
            if let old { depart(.from(old)) }
        }
    }

    private func answered(_ outcome: SentinelClient.Outcome, by address: RedisAddress) {
        if let error = outcome.error { reasons.append("\(address): \(error)") }
        let action = machine.answered(outcome.answer, now: loop.now)
        if let others = outcome.others {
            machine.learned(others, from: address)
            for (address, client) in clients where !machine.sentinels.contains(address) {
                client.close()
                clients[address] = nil
            }
        }
        perform(action)
    }

    private func client(_ address: RedisAddress) -> SentinelClient {
        if let client = clients[address] { return client }
        let client = SentinelClient(address, commands, tls: tls, on: loop)
        clients[address] = client
        return client
    }

    /// Logs the reason of each sentinel that does not answer.
    private func warn() {
        guard warningLimit.isDue(now: loop.now) else { return }
        logger.warning(
            "no sentinel answers",
            metadata: [
                "master": "\(sentinels.master)", "reasons": "\(reasons.joined(separator: ", "))",
            ])
    }

    private func tell(_ result: Location) {
        let waiters = exchange(&waiters, with: [])
        for waiter in waiters { waiter(result) }
    }

    // MARK: - The master

    fileprivate func confirm(_ address: RedisAddress, by number: Int) {
        loop.submit {
            let old = self.machine.master
            switch self.machine.confirmed(address, now: self.loop.now) {
            case .stay: break
            case .leave: self.members[number]?(.from(address))
            case .othersLeave:
                self.logger.notice(
                    "the master has moved",
                    metadata: [
                        "master": "\(self.sentinels.master)",
                        "from": "\(old.map { "\($0)" } ?? "none")", "to": "\(address)",
                    ])
                self.depart(.exceptTo(address))
            }
        }
    }

    fileprivate func doubt(_ address: RedisAddress) {
        loop.submit { self.machine.doubted(address, now: self.loop.now) }
    }

    fileprivate func suspect(_ address: RedisAddress) {
        loop.submit { self.perform(self.machine.suspected(address)) }
    }

    private func switched(from old: RedisAddress, to new: RedisAddress) {
        machine.switched(from: old, to: new, now: loop.now)
        depart(.from(old))
    }

    private func depart(_ departure: Departure) {
        for onDeparture in members.values { onDeparture(departure) }
    }
}

/// A connection's share in a directory, until `leave`.
package struct SentinelMembership: Sendable {
    private let directory: SentinelDirectory
    private let number: Int

    fileprivate init(_ directory: SentinelDirectory, _ number: Int) {
        self.directory = directory
        self.number = number
    }

    /// Asks the sentinels for the master. The completion is called once, on the directory's loop.
    func locate(_ completion: @escaping @Sendable (SentinelDirectory.Location) -> Void) {
        directory.locate(completion)
    }

    /// The server at the address has said that it is a master.
    func confirm(_ address: RedisAddress) { directory.confirm(address, by: number) }

    /// The server at the address has turned out to be a replica.
    func doubt(_ address: RedisAddress) { directory.doubt(address) }

    /// The server at the address confirms no write, for it has too few replicas.
    func suspect(_ address: RedisAddress) { directory.suspect(address) }

    /// Ends the membership. Nothing may be called afterwards.
    func leave() { directory.leave(number) }
}
