internal import CoreAPIBase

/// The logic of a connection to Redis, without a socket, a clock or a wait: events in, actions out.
/// `RedisConnectionHandler` does what it says.
protocol RedisConnectionMachine {
    /// A waiter with its result.
    associatedtype Resolution

    /// Whether what is submitted leaves at the end of the turn.
    var isReady: Bool { get }
    /// Whether a connection is of use.
    var isWanted: Bool { get }
    /// Whether `close` was called.
    var isClosed: Bool { get }
    /// Whether Redis has not answered all of AUTH, SELECT and SCRIPT LOAD.
    var isLoggingIn: Bool { get }
    /// Whether nothing waits for a reply.
    var isIdle: Bool { get }
    /// When `deadlineReached` is to be called.
    var deadline: MonotonicTime { get }

    /// Bytes can be sent: returns those of the login, of which there may be none.
    mutating func connected(now: MonotonicTime) -> [UInt8]

    /// Sends what there is to send, if the connection is ready.
    ///
    /// - Parameter send: hands the bytes from a position on to the kernel: how many it took, nil if
    ///   it takes none now.
    /// - Returns: the deadline afterwards: a class that holds the machine would copy it to read
    ///   `deadline`.
    mutating func flush(
        now: MonotonicTime, _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) -> MonotonicTime

    mutating func received(
        _ reply: RedisReply, now: MonotonicTime
    ) -> RedisConnectionAction<Resolution>

    /// The connection broke or could not be made. Returns the waiters whose time is over, or that
    /// waiting does not help; the others wait for the next attempt.
    mutating func lost(_ error: RedisError, now: MonotonicTime) -> [Resolution]

    /// For good: every wait ends.
    mutating func close() -> [Resolution]

    /// The next login is that of another URL of the same Redis.
    mutating func adopt(_ url: RedisURL)

    /// The connection is to be made anew: nothing more is sent over it.
    ///
    /// - Returns: whether Redis has answered everything, so that the connection, or an attempt, can
    ///   be ended by `restarted`; if not, `received` returns `renew` when it has.
    mutating func renew() -> Bool

    /// The connection was ended on purpose, and the next attempt begins at once. Returns the
    /// waiters whose time is over; the others wait for it.
    mutating func restarted(now: MonotonicTime) -> [Resolution]

    /// The time of some waiters is over, or Redis has not answered for too long: then the
    /// connection is to be ended by `lost`.
    mutating func deadlineReached(now: MonotonicTime) -> (resolutions: [Resolution], stalls: Bool)
}

/// What follows from a reply.
package enum RedisConnectionAction<Resolution> {
    case none
    /// Something waits to be sent.
    case flush
    /// The login has ended: flush what waits.
    case ready([Resolution])
    case resolve(Resolution)
    /// As `flush`, with results.
    case resolveAll([Resolution])
    /// As `resolveAll`. Everything is answered: the connection is to be ended by `restarted`.
    case renew([Resolution])
    /// The connection is to be ended by `lost`.
    case fail(RedisError)

    /// The action after the last reply of a connection that is to be made anew.
    var last: RedisConnectionAction {
        switch self {
        case .none, .flush: .renew([])
        case .resolve(let resolution): .renew([resolution])
        case .ready(let resolutions), .resolveAll(let resolutions), .renew(let resolutions):
            .renew(resolutions)
        case .fail: self
        }
    }
}

/// What becomes of something that is submitted.
package enum RedisSubmitAction: Equatable {
    /// It leaves at the end of the turn.
    case flush
    /// It waits for a connection.
    case wait
    case reject(RedisFailure)
}
