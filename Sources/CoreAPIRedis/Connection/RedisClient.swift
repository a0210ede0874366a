package import CoreAPIBase
package import Logging

/// Executes commands at the Redis of any URL: over one connection, or in a cluster over one to each
/// node. Any thread may use it.
package enum RedisClient: Sendable {
    case server(RedisConnection)
    case cluster(RedisClusterConnection)

    /// Connections on a loop that the caller runs.
    package init(
        url: RedisURL, on loop: EventLoop, options: RedisConnection.Options, logger: Logger
    ) {
        if url.place.cluster == nil {
            self = .server(
                RedisConnection(url: url, on: loop, options: options, logger: logger))
        } else {
            self = .cluster(
                RedisClusterConnection(url: url, on: loop, options: options, logger: logger))
        }
    }

    package var isCluster: Bool { if case .cluster = self { true } else { false } }

    /// Sends the command and returns its reply or the failure; it is sent again after the
    /// connection breaks, unless the options say otherwise.
    ///
    /// - Parameter slot: of all keys of the command.
    package func reply(
        to command: RedisCommand, slot: HashSlot
    ) async -> Result<RedisReply, RedisFailure> {
        switch self {
        case .server(let connection): await connection.reply(to: command)
        case .cluster(let connection): await connection.reply(to: command, slot: slot)
        }
    }

    /// Sends the command to the node at the address, without a cluster to the server.
    package func reply(
        to command: RedisCommand, at node: RedisAddress?
    ) async -> Result<RedisReply, RedisFailure> {
        switch (self, node) {
        case (.server(let connection), _): await connection.reply(to: command)
        case (.cluster(let connection), let node?): await connection.reply(to: command, at: node)
        case (.cluster, nil): .failure(.notExecuted(.slotUnserved))
        }
    }

    /// The nodes of the slots, each with the indices of its slots: without a cluster one without an
    /// address; none if no node is known.
    package func nodes(
        of slots: [HashSlot]
    ) async -> [(address: RedisAddress?, indices: [Int])] {
        switch self {
        case .server: return [(nil, Array(slots.indices))]
        case .cluster(let connection):
            return await connection.nodes(of: slots).map { ($0.address, $0.indices) }
        }
    }

    /// Why `nodes` has none.
    package func reason() async -> RedisError {
        switch self {
        case .server: .connectionLost
        case .cluster(let connection): await connection.reason()
        }
    }

    /// Uses another login and other certificates: see `RedisConnection.renew`.
    package func renew(_ target: RedisTarget) {
        switch self {
        case .server(let connection): connection.renew(target)
        case .cluster(let connection): connection.renew(target)
        }
    }

    package func close() {
        switch self {
        case .server(let connection): connection.close()
        case .cluster(let connection): connection.close()
        }
    }
}
