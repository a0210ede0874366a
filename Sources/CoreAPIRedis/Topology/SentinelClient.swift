internal import CoreAPIBase

/// Asks one sentinel, over a connection of its own for each question. It lives on the thread of its
/// loop.
final class SentinelClient: OutgoingConnectionOwner {
    /// Receives the answer.
    typealias Completion = (Outcome) -> Void

    /// What became of a question.
    struct Outcome {
        let answer: SentinelAnswer
        /// The other sentinels that this one names; nil if it names none.
        var others: [RedisAddress]?
        /// Why there is no answer.
        var error: RedisError?
    }

    private let commands: SentinelCommands
    private let connection: OutgoingConnection
    private var reader = RedisReplyReader()
    /// How many replies have arrived.
    private var replyCount = 0
    private var answer = SentinelAnswer.none
    private var completion: Completion?

    init(
        _ address: RedisAddress, _ commands: SentinelCommands, tls: TLSContext?, on loop: EventLoop
    ) {
        self.commands = commands
        // The limit of an attempt includes the answer, since `established` is never called. The
        // next question need not wait for a backoff: questions have their own.
        connection = OutgoingConnection(
            to: .tcp(host: address.host, port: address.port), tls: tls, on: loop,
            attemptMilliseconds: SentinelStateMachine.answerMilliseconds,
            backoff: Backoff(millisecondsMin: 1, millisecondsMax: 1))
        connection.isWanted = false
        connection.start(for: self)
    }

    /// Asks; one question at a time.
    func ask(_ completion: @escaping Completion) {
        precondition(self.completion == nil, "ask() while a question is under way")
        self.completion = completion
        connection.isWanted = true
    }

    /// Closes the connection. The question's completion is not called.
    func close() {
        completion = nil
        connection.close()
    }

    private func finish(_ outcome: Outcome) {
        connection.end()
        complete(outcome)
    }

    private func complete(_ outcome: Outcome) {
        connection.isWanted = false
        completion.take()?(outcome)
    }

    // MARK: - The connection

    func connectionOpened() {
        reader = RedisReplyReader()
        replyCount = 0
        connection.send(commands.login + commands.question)
    }

    func connectionReceived(_ bytes: Span<UInt8>) { reader.feed(bytes) }

    func connectionReadEnded() {
        do {
            while completion != nil, let reply = try reader.next() { received(reply) }
        } catch { finish(Outcome(answer: .none, error: error)) }
    }

    private func received(_ reply: RedisReply) {
        replyCount += 1
        if replyCount == commands.nameReply { return }
        if case .error(let error) = reply, replyCount <= commands.loginReplyCount + 1 {
            return finish(Outcome(answer: .refused(commands.secrets.stripped(error))))
        }
        switch replyCount - commands.loginReplyCount {
        case 1: answer = SentinelAnswer(reply)
        case 2:
            finish(Outcome(answer: answer, others: SentinelAnswer.otherSentinels(reply)))
        default: break
        }
    }

    func connectionLost(_ error: OutgoingConnectionError) {
        // A sentinel that ends the connection between its two replies has answered.
        let hasAnswered = replyCount > commands.loginReplyCount
        complete(Outcome(answer: hasAnswered ? answer : .none, error: RedisError(error)))
    }
}

/// The commands that a sentinel gets.
struct SentinelCommands {
    /// The encoded login, and the connection's name.
    let login: [UInt8]
    let loginReplyCount: Int
    /// Which reply is the one to the name, from 1. A sentinel may refuse the name.
    var nameReply: Int { loginReplyCount }
    /// The question for the master, and for the other sentinels: two replies.
    let question: [UInt8]
    let subscription: [UInt8]
    let ping: [UInt8]
    let secrets: RedisSecrets

    init(_ sentinels: RedisSentinels) {
        var login = RedisCommand()
        let words = RedisLogin.authentication(
            user: sentinels.user, password: sentinels.password)
        if let words { login.add(words) }
        login.add(RedisClientName(role: "sentinel").command)
        (self.login, loginReplyCount) = (login.bytes, login.replyCount)
        var question = RedisCommand()
        question.add(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinels.master])
        question.add(["SENTINEL", "SENTINELS", sentinels.master])
        self.question = question.bytes
        var subscription = RedisCommand()
        subscription.add(["SUBSCRIBE", SentinelAnswer.failoverChannel])
        self.subscription = subscription.bytes
        var ping = RedisCommand()
        ping.add(["PING"])
        self.ping = ping.bytes
        secrets = RedisSecrets(sentinels)
    }
}
