internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// The operators' web page at `/console/`: signs in, answers, and logs each change. It has a loop
/// and connections to Redis of its own, so that it delays no transaction.
final class Console: Sendable {
    let loop: EventLoop
    /// The last answers, which the callers' loops record: those of more loops share a list, so that
    /// the memory has a bound.
    private let recent: [RecentAnswers]
    let data: ConsoleData

    private let signIn: SignIn
    private let allowsActions: Bool
    private let clock: ConsoleClock
    private let logger: Logger

    init(
        _ configuration: ConsoleConfiguration, _ inspector: Inspector, _ registry: MetricsRegistry,
        on loop: EventLoop, logger: Logger
    ) {
        self.loop = loop
        self.logger = logger
        clock = ConsoleClock(loop)
        recent = (0..<min(registry.loops.count, Console.recentMax)).map { _ in RecentAnswers() }
        signIn = SignIn(configuration, clock: clock, logger: logger)
        allowsActions = configuration.allowsActions
        let queue = inspector.target.queue.name
        let cells = TrafficCells(registry.loops.map(\.shard), queue: queue)
        data = ConsoleData(
            inspector, Sampler(cells, inspector, on: loop), recent,
            allowsActions: configuration.allowsActions)
    }

    private static let recentMax = 8

    /// Where a loop records its answers.
    func recent(ofLoop index: Int) -> RecentAnswers { recent[index % recent.count] }

    /// Starts the thread of the loop.
    func start() throws(SystemError) {
        let loop = loop
        clock.start { [sampler = data.sampler] in sampler.tick() }
        try Thread.start(named: "core-api-console") { loop.run() }
    }

    /// The answer to a request. Any task may ask.
    func response(to request: ConsoleRequest, peer: String) async -> Response {
        // Only this console's loop uses its parts.
        let task = Task(executorPreference: loop) { [self] in
            await answer(to: request, peer: peer)
        }
        return await task.value
    }

    private func answer(to request: ConsoleRequest, peer: String) async -> Response {
        switch await signIn.verdict(request.authorization, peer: peer) {
        case .missing, .wrong: return .console(.unauthorized, "sign in as \(SignIn.user)")
        case .tooMany:
            return .console(.tooManyRequests, "a wrong password is being answered: try again")
        case .right: break
        }
        guard let name = request.name else {
            return .console(.permanentRedirect, "", location: "/console/")
        }
        if let member = request.repeatedMember {
            return .console(.badRequest, "\(member.prefix(64)) is given twice: give it once")
        }
        switch request.method {
        case .get, .head: return await data.answer(name, request)
        case .post: return await change(name, request, peer: peer)
        case .options: return .console(.noContent, "", allow: Console.methods)
        default:
            return .console(
                .methodNotAllowed, "the methods here are \(Console.methods)",
                allow: Console.methods)
        }
    }

    private static let methods = "GET, HEAD, POST, OPTIONS"

    /// The fields of every answer of the console, and of every refusal on its port.
    static let fields: [(name: StaticString, value: String)] = [
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                + "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                + "frame-ancestors 'none'"
        ),
        ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]

    /// Signs in with another password from now on. Any thread may call this.
    func use(password: [UInt8]) { loop.submit { [signIn] in signIn.use(password) } }

    // MARK: - Changes

    private func change(_ name: String, _ request: ConsoleRequest, peer: String) async -> Response {
        guard request.isSameOrigin else {
            return .console(
                .forbidden, "a change needs Sec-Fetch-Site: same-origin, or the Origin of this page"
            )
        }
        guard allowsActions else {
            return .console(.forbidden, "CONSOLE_ACTIONS is off: the console changes nothing")
        }
        guard let action = DeadLetterAction(rawValue: name) else {
            return .console(.notFound, "there are requeue and remove")
        }
        let id = request["id"]
        let isOne =
            switch (id, request["reason"], request["all"]) {
            case (_?, nil, nil), (nil, _?, nil), (nil, nil, "1"?): true
            default: false
            }
        guard isOne else {
            return .console(.badRequest, "give one of id, reason and all=1")
        }
        var metadata: Logger.Metadata = ["operator": "\(SignIn.user)", "peer": "\(peer)"]
        if let id {
            metadata["id"] = "\(id.prefix(512))"
        } else {
            metadata["reason"] = "\(request["reason"] ?? "any")"
        }
        let change = await perform(action, request)
        metadata["count"] = "\(change.count)"
        if let text = HealthCheck.unreached(change.unreached) { metadata["unreached"] = "\(text)" }
        if let failure = change.failure {
            metadata["error"] = "\(failure.reason)"
            logger.error("console: \(action.rawValue) of dead letters failed", metadata: metadata)
        } else {
            logger.notice("console: \(action.rawValue) of dead letters", metadata: metadata)
        }
        return .console(change)
    }

    private func perform(
        _ action: DeadLetterAction, _ request: ConsoleRequest
    ) async -> Inspector.Change {
        guard let id = request["id"] else {
            return await data.inspector.perform(
                action, onReason: request["reason"], after: request["after"])
        }
        do {
            let isDone = try await data.inspector.letters.perform(action, on: id)
            return Inspector.Change(count: isDone ? 1 : 0)
        } catch { return Inspector.Change(failure: error) }
    }
}

extension Response {
    /// An answer of the console in JSON.
    static func console(_ json: JSONWriter) -> Response {
        console(.ok, MediaType.json, json.bytes)
    }

    /// A refusal of the console: `{"error": …}`.
    static func console(
        _ status: HTTPStatus, _ error: String, allow: String? = nil, location: String? = nil
    ) -> Response {
        var json = JSONWriter()
        json.member("error", error, isFirst: true)
        json.raw("}")
        var fields = ResponseFields()
        if let allow { fields.add("Allow", allow) }
        if let location { fields.add("Location", location) }
        switch status {
        case .unauthorized:
            fields.add("WWW-Authenticate", "Basic realm=\"Core API console\", charset=\"UTF-8\"")
        case .tooManyRequests: fields.add("Retry-After", "1")
        default: break
        }
        return console(
            status, MediaType.json, status == .noContent ? [] : json.bytes, fields)
    }

    /// Redis has not answered, or has refused, or was not asked, since an argument is wrong.
    static func console(_ error: RedisError) -> Response {
        let (status, text) = refusal(error)
        return console(status, text)
    }

    /// The text of Redis's error stays out: it may name users.
    private static func refusal(_ error: RedisError) -> (HTTPStatus, String) {
        if case .argumentInvalid(let error) = error {
            return (.badRequest, "give another argument: \(error)")
        }
        return (.serviceUnavailable, "Redis does not answer, or refuses: \(error.reason)")
    }

    /// What a change has done: `count`, `next` and `unreached`, after a failure with `error`.
    static func console(_ change: Inspector.Change) -> Response {
        var json = JSONWriter()
        json.member("count", change.count, isFirst: true)
        json.member("next", change.next)
        json.member("unreached", change.unreached)
        let refusal = change.failure.map(refusal)
        if let refusal { json.member("error", refusal.1) }
        json.raw("}")
        return console(refusal?.0 ?? .ok, MediaType.json, json.bytes)
    }

    /// An answer with the fields that every answer of the console has.
    static func console(
        _ status: HTTPStatus, _ type: StaticString, _ body: [UInt8],
        _ fields: ResponseFields = ResponseFields()
    ) -> Response {
        var fields = fields
        for (name, value) in Console.fields { fields.add(name, value) }
        return Response(
            status: status, contentType: status == .noContent ? nil : type, fields: fields,
            body: body)
    }
}
