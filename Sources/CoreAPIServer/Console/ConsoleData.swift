internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit
internal import CoreAPIRedis

/// The files of the console's page, and what it asks for. A question changes nothing.
final class ConsoleData: Sendable {
    let inspector: Inspector
    let sampler: Sampler

    private let recent: [RecentAnswers]
    private let allowsActions: Bool
    private let start = UnixTime.now()

    init(
        _ inspector: Inspector, _ sampler: Sampler, _ recent: [RecentAnswers], allowsActions: Bool
    ) {
        self.inspector = inspector
        self.sampler = sampler
        self.recent = recent
        self.allowsActions = allowsActions
    }

    func answer(_ name: String, _ request: ConsoleRequest) async -> Response {
        do {
            switch name {
            case "": return .console(.ok, MediaType.html, PackageResources.console_html)
            case "console.css": return .console(.ok, MediaType.css, PackageResources.console_css)
            case "console.js":
                return .console(.ok, MediaType.javaScript, PackageResources.console_js)
            case "icon.svg": return .console(.ok, MediaType.svg, PackageResources.icon_svg)
            case "now": return .console(await now())
            case "plots": return .console(plots(isLong: request["range"] == "6h"))
            case "recent": return .console(recentAnswers())
            case "transaction": return try await transaction(request["id"] ?? "")
            case "reasons": return .console(try await reasons())
            case "dead": return .console(try await letters(request))
            case "letter":
                guard let letter = try await inspector.letters.letter(request["id"] ?? "") else {
                    return .console(.notFound, "there is no dead letter of this id")
                }
                var json = JSONWriter()
                letter.write(to: &json, isWhole: true)
                return .console(json)
            default: return .console(.notFound, "the console has no such part")
            }
        } catch {
            return .console(error)
        }
    }

    // MARK: - Dead letters

    private func letters(_ request: ConsoleRequest) async throws(RedisError) -> JSONWriter {
        let page = try await inspector.letters.page(
            after: request["after"], reason: request["reason"], limit: ConsoleData.pageCount)
        var json = JSONWriter()
        page.write(to: &json)
        return json
    }

    private func reasons() async throws(RedisError) -> JSONWriter {
        let reasons = try await inspector.letters.reasons()
        var json = JSONWriter()
        reasons.write(to: &json)
        return json
    }

    private static let pageCount = 50

    // MARK: - Transactions

    private func transaction(_ id: String) async throws(RedisError) -> Response {
        guard let found = try await inspector.transaction(id) else {
            return .console(
                .notFound, "This transaction is not known, or its status is not kept any more.")
        }
        var json = JSONWriter()
        StatusEndpoint.write(found.status, to: &json)
        json.member("letter", found.letterID)
        json.raw("}")
        return .console(json)
    }

    private func recentAnswers() -> JSONWriter {
        var json = JSONWriter(capacity: 32 * 1024)
        json.member("accepted", isFirst: true)
        let accepted = recent.flatMap(\.accepted).sorted {
            $0.time.nanoseconds > $1.time.nanoseconds
        }
        json.list(Array(accepted.prefix(RecentAnswers.countMax))) { json, accepted in
            json.member("id", "\(accepted.id)", isFirst: true)
            json.member("amount", accepted.transaction.amount.minorUnits)
            json.member("currency", "\(accepted.transaction.currency)")
            json.member("user_id", accepted.transaction.userID)
            json.member("time", accepted.time.timestamp)
            json.member("request_id", accepted.requestID)
            json.member("replayed")
            json.raw(accepted.isReplayed ? "true}" : "false}")
        }
        json.member("refused")
        let refused = recent.flatMap(\.refused).sorted { $0.time.nanoseconds > $1.time.nanoseconds }
        json.list(Array(refused.prefix(RecentAnswers.countMax))) { json, refused in
            json.member("code", refused.code.rawValue, isFirst: true)
            json.member("status", refused.code.status.rawValue)
            json.member("route", refused.route)
            json.member("time", refused.time.timestamp)
            json.member("request_id", refused.requestID)
            json.member("problem")
            // It is JSON that this server has written.
            json.raw(
                refused.problem.isEmpty
                    ? "null" : String(decoding: refused.problem, as: UTF8.self))
            json.raw("}")
        }
        json.raw("}")
        return json
    }

    // MARK: - Numbers

    private func plots(isLong: Bool) -> JSONWriter {
        let ring = isLong ? sampler.long : sampler.short
        let samples = ring.all
        var json = JSONWriter(capacity: 16 * 1024)
        json.member("seconds_per_sample", ring.secondsPerSample, isFirst: true)
        json.member("samples", PlotRing.countMax)
        json.member("time", UnixTime.now().timestamp)
        for series in PlotSeries.allCases {
            json.member(series.rawValue)
            json.list(samples) { $0.number($1[series]) }
        }
        json.raw("}")
        return json
    }

    private func now() async -> JSONWriter {
        let overview = await inspector.overview()
        let sample = sampler.sample()
        var json = JSONWriter(capacity: 4 * 1024)
        json.member("time", UnixTime.now().timestamp, isFirst: true)
        json.member("started", start.timestamp)
        json.member("version", Command.versionNumber)
        json.member("actions")
        json.raw(allowsActions ? "true" : "false")
        for series in PlotSeries.allCases where sample[series] != nil {
            json.member(series.rawValue, sample[series])
        }
        json.member("refusals")
        let counts = zip(sampler.reading.refusals, sampler.refusalRates)
        let codes = zip(Problem.Code.allCases, counts)
        json.list(codes.filter { $1.0 > 0 }) { json, entry in
            json.member("code", entry.0.rawValue, isFirst: true)
            json.member("total", Int(clamping: entry.1.0))
            json.member("rate", entry.1.1)
            json.raw("}")
        }
        let reading = sampler.reading
        json.member("connections", reading.connections)
        json.member("connections_ready", reading.connectionsReady)
        json.member("reconnects", Int(clamping: reading.reconnects))
        json.member("failovers", sampler.failovers)
        json.member("lost", Int(clamping: reading.lost))
        json.member("sent_again", Int(clamping: reading.sentAgain))
        json.raw(",")
        overview.writeMembers(to: &json, inspector.target)
        json.raw("}")
        return json
    }
}
