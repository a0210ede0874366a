internal import CoreAPIBase
internal import CoreAPIKit

extension DeadLetter {
    /// Writes the letter as an object.
    ///
    /// - Parameter isWhole: whether all fields and the traceback are written.
    func write(to json: inout JSONWriter, isWhole: Bool) {
        json.member("id", id, isFirst: true)
        json.member("transaction", transactionID)
        json.member("reason", reason)
        json.member("died_at", diedAt?.timestamp)
        json.member("attempts", attempts)
        for name in ["amount", "currency", "user_id", "created_at"] {
            json.member(name, value(name))
        }
        if isWhole {
            json.member("fields")
            json.list(fields) { json, field in
                json.member("name", field.name, isFirst: true)
                json.member("value", field.value)
                json.raw("}")
            }
            json.member("traceback", traceback)
        }
        json.raw("}")
    }
}

extension DeadLetterPage {
    func write(to json: inout JSONWriter) {
        json.member("letters", isFirst: true)
        json.list(letters) { $1.write(to: &$0, isWhole: false) }
        json.member("examined", examined)
        json.member("next", next)
        json.member("unreached", unreached)
        json.raw("}")
    }
}

extension DeadLetterReasons {
    func write(to json: inout JSONWriter) {
        json.member("count", count, isFirst: true)
        json.member("examined", examined)
        json.member("unreached", unreached)
        json.member("reasons")
        json.list(counts) { json, entry in
            json.member("reason", entry.reason, isFirst: true)
            json.member("count", entry.count)
            json.member("newest", entry.newest?.timestamp)
            json.member("oldest", entry.oldest?.timestamp)
            json.raw("}")
        }
        json.raw("}")
    }
}
