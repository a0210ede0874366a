internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis

/// Runs a command for operators: asks Redis, prints, and returns the exit status.
struct OperatorProgram: Sendable {
    let inspector: Inspector
    let asJSON: Bool

    /// Runs the command on a loop of its own, which the calling thread runs.
    static func run(
        _ command: OperatorCommand, asJSON: Bool, _ target: Inspector.Target
    ) throws(SystemError) -> Process.Status {
        let loop = try EventLoop()
        let program = OperatorProgram(inspector: Inspector(target, on: loop), asJSON: asJSON)
        let outcome = Outcome()
        Task(executorPreference: loop) {
            outcome.status = await program.status(of: command)
            loop.stop()
        }
        loop.run()
        return outcome.status
    }

    /// Only the thread that runs the loop uses it.
    private final class Outcome: @unchecked Sendable {
        var status = Process.Status.failure
    }

    private func status(of command: OperatorCommand) async -> Process.Status {
        if let refusal = await checkPartitions(isStatus: command == .status) { return refusal }
        do {
            switch command {
            case .status: return await overview()
            case .transaction(let id): return try await transaction(id)
            case .list(let reason, let all): return try await list(reason, all: all)
            case .show(let id): return try await show(id)
            case .change(let action, .id(let id)): return try await change(action, id)
            case .change(let action, .reason(let reason)): return await change(action, of: reason)
            case .change(let action, .all): return await change(action, of: nil)
            }
        } catch { return unavailable(error) }
    }

    /// Refuses another number of partitions than Redis has, as the server does at its start: a
    /// command would see a part of the letters alone. If that number cannot be read of a cluster,
    /// the command goes on without the check, since its own partitions may be there.
    private func checkPartitions(isStatus: Bool) async -> Process.Status? {
        guard case .stream(let partitions) = inspector.target.queue else { return nil }
        let url = inspector.target.url
        switch await inspector.otherPartitionCount() {
        case .success(nil): return nil
        case .success(let count?):
            fail(PartitionsCheck.refusal(partitions, inRedis: count, url))
            return .failure
        case .failure(let error):
            // An error reply is of this question alone.
            let isAnswered = if case .server = error { true } else { false }
            if !isAnswered, url.place.cluster == nil {
                // The status says itself that Redis does not answer.
                return isStatus ? nil : unavailable(error)
            }
            fail("PARTITIONS is not checked: \(error.text(for: url))")
            return nil
        }
    }

    private func fail(_ reason: String) { Process.complain(reason.visible) }

    private func unavailable(_ error: RedisError?, _ rest: String = "") -> Process.Status {
        let url = inspector.target.url
        let text = error.map { ", or refuses: \($0.text(for: url))" } ?? ""
        fail("Redis at \(url) does not answer\(text)\(rest)")
        return .unavailable
    }

    /// Says which partitions were not reached. Their letters are missing in the output.
    private func status(without partitions: some Collection<Int>) -> Process.Status {
        guard let text = HealthCheck.unreached(partitions) else { return .ok }
        fail(text)
        return .unavailable
    }

    private func print(_ json: JSONWriter) {
        Process.print(String(decoding: json.bytes, as: UTF8.self) + "\n")
    }

    // MARK: - status

    private static let unknownNumbers =
        "rates, latencies, transactions in flight and refusals: the server's /metrics and its "
        + "console have them"

    private func overview() async -> Process.Status {
        var overview = await inspector.overview()
        overview.tellError(of: inspector.target.url)
        let isAnswered = overview.redis?.isAnswered == true
        if asJSON {
            var json = JSONWriter(capacity: 2_048)
            json.raw("{")
            overview.writeMembers(to: &json, inspector.target)
            json.member("checks")
            json.raw("{")
            for (index, check) in overview.checks.enumerated() {
                if index > 0 { json.raw(",") }
                check.write(to: &json)
            }
            json.raw("}")
            json.member("unknown", OperatorProgram.unknownNumbers)
            json.raw("}")
            print(json)
        } else {
            Process.print(text(of: overview))
        }
        if !isAnswered { return unavailable(overview.redis?.error) }
        let status = status(without: overview.deadLetters?.unreached ?? [])
        return status == .ok && overview.status == .fail ? .failure : status
    }

    private func text(of overview: Inspector.Overview) -> String {
        var lines = ["\(overview.status.rawValue): \(inspector.target.queue.name)"]
        lines.append(OperatorProgram.line("redis address", "\(inspector.target.url)"))
        if let role = overview.redisRole { lines.append(OperatorProgram.line("role", role)) }
        for check in overview.checks {
            let value = check.observedText
            let mark = check.status == .pass ? "" : "  [\(check.status.rawValue)]"
            lines.append(
                OperatorProgram.line(
                    check.title.lowercased(), (value.isEmpty ? "-" : value) + mark))
            if let output = check.output { lines.append("    \(output)") }
            if let advice = check.advice { lines.append("    \(advice)") }
        }
        if overview.deadLetters == nil {
            lines.append(OperatorProgram.line("dead letters", "unknown"))
        }
        lines.append("not known here: \(OperatorProgram.unknownNumbers)")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ name: String, _ value: String) -> String {
        name + String(repeating: " ", count: max(1, 20 - name.utf8.count))
            + value.visible
    }

    // MARK: - transaction

    private func transaction(_ id: String) async throws(RedisError) -> Process.Status {
        guard let (status, letterID) = try await inspector.transaction(id) else {
            fail(
                "the transaction \"\(id.visible)\" is not known, or its status is not kept any more"
            )
            return .failure
        }
        if asJSON {
            var json = JSONWriter()
            StatusEndpoint.write(status, to: &json)
            json.member("letter", letterID)
            json.raw("}")
            print(json)
            return .ok
        }
        var lines = [
            OperatorProgram.line("id", "\(status.id)"),
            OperatorProgram.line("status", status.state.rawValue),
            OperatorProgram.line("amount", "\(status.amount.minorUnits) \(status.currency)"),
            OperatorProgram.line("user", "\(status.userID)"),
            OperatorProgram.line("accepted", status.createdAt.timestamp),
            OperatorProgram.line("last change", status.updatedAt.timestamp),
            OperatorProgram.line("attempts", "\(status.attempts)"),
        ]
        if let letterID { lines.append(OperatorProgram.line("dead letter", letterID)) }
        Process.print(lines.joined(separator: "\n") + "\n")
        return .ok
    }

    // MARK: - dead

    private func list(
        _ reason: String?, all: Bool
    ) async throws(RedisError) -> Process.Status {
        if reason == nil, !all { return try await reasons() }
        var cursor: String?
        var (found, examined, unreached) = (0, 0, Set<Int>())
        repeat {
            let page = try await inspector.letters.page(after: cursor, reason: reason, limit: 100)
            if asJSON {
                for letter in page.letters {
                    var json = JSONWriter()
                    letter.write(to: &json, isWhole: false)
                    print(json)
                }
            } else {
                for letter in page.letters { Process.print(OperatorProgram.line(of: letter)) }
            }
            found += page.letters.count
            examined += page.examined
            unreached.formUnion(page.unreached)
            cursor = page.next
        } while cursor != nil
        // Standard output has the letters alone.
        if reason != nil {
            let verb = found == 1 ? "has" : "have"
            fail("\(found) of \(examined.counted("dead letter")) \(verb) this reason")
        }
        return status(without: unreached)
    }

    private func reasons() async throws(RedisError) -> Process.Status {
        let reasons = try await inspector.letters.reasons()
        if asJSON {
            var json = JSONWriter()
            reasons.write(to: &json)
            print(json)
            return status(without: reasons.unreached)
        }
        let isSample = reasons.examined < reasons.count
        let sample = isSample ? ", of the newest \(reasons.examined)" : ""
        Process.print("\(reasons.count.counted("dead letter"))\(sample)\n")
        for entry in reasons.counts {
            Process.print(
                OperatorProgram.line(
                    "\(entry.count)",
                    "\(entry.oldest?.timestamp ?? "-")  \(entry.reason)") + "\n")
        }
        return status(without: reasons.unreached)
    }

    private static func line(of letter: DeadLetter) -> String {
        let amount = "\(letter.value("amount") ?? "-") \(letter.value("currency") ?? "")"
        return [
            letter.id, letter.diedAt?.timestamp ?? "-", amount,
            "user \(letter.value("user_id") ?? "-")", letter.reason,
        ].map(\.visible).joined(separator: "  ") + "\n"
    }

    private func show(_ id: String) async throws(RedisError) -> Process.Status {
        guard let letter = try await inspector.letters.letter(id) else { return unknown(id) }
        if asJSON {
            var json = JSONWriter()
            letter.write(to: &json, isWhole: true)
            print(json)
            return .ok
        }
        var lines = [
            OperatorProgram.line("id", letter.id),
            OperatorProgram.line("transaction", letter.transactionID),
            OperatorProgram.line("reason", letter.reason),
            OperatorProgram.line("died at", letter.diedAt?.timestamp ?? "unknown"),
        ]
        if let attempts = letter.attempts {
            lines.append(OperatorProgram.line("attempts", "\(attempts)"))
        }
        for field in letter.fields where field.name != "id" {
            lines.append(OperatorProgram.line(field.name.visible, field.value))
        }
        let trace = letter.traceback.split(whereSeparator: \.isNewline)
        lines += trace.map { "    " + String($0).visible }
        Process.print(lines.joined(separator: "\n") + "\n")
        return .ok
    }

    private func unknown(_ id: String) -> Process.Status {
        fail("there is no dead letter \"\(id.visible)\"")
        return .failure
    }

    // MARK: - Changes

    private func change(
        _ action: DeadLetterAction, _ id: String
    ) async throws(RedisError) -> Process.Status {
        guard try await inspector.letters.perform(action, on: id) else { return unknown(id) }
        return end(action, Inspector.Change(count: 1))
    }

    private func change(_ action: DeadLetterAction, of reason: String?) async -> Process.Status {
        var change = Inspector.Change()
        repeat {
            change.add(await inspector.perform(action, onReason: reason, after: change.next))
        } while change.next != nil && change.failure == nil
        return end(action, change)
    }

    /// Says what was done, also before a failure.
    private func end(_ action: DeadLetterAction, _ change: Inspector.Change) -> Process.Status {
        let verb = action == .requeue ? "requeued" : "removed"
        let url = inspector.target.url
        if asJSON {
            var json = JSONWriter()
            json.member("count", change.count, isFirst: true)
            json.member("unreached", change.unreached)
            if let failure = change.failure { json.member("error", failure.text(for: url)) }
            json.raw("}")
            print(json)
        } else if change.failure == nil || change.count > 0 {
            Process.print("\(verb): \(change.count)\n")
        }
        let missed = status(without: change.unreached)
        guard let failure = change.failure else { return missed }
        let more = RedisDeadLetterStore.stepCount
        return unavailable(
            failure,
            "; \(verb) before that: \(change.count), and up to \(more) more if the last command "
                + "was carried out")
    }
}

extension String {
    /// The text with control characters replaced: it may be of anyone's making, and a terminal
    /// obeys such characters.
    fileprivate var visible: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    switch scalar.value {
                    case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: "\u{FFFD}"
                    default: scalar
                    }
                }))
    }
}
