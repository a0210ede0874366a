extension HealthCheck {
    /// What an operator does about a check that does not pass.
    var advice: String? {
        guard status != .pass else { return nil }
        switch name {
        case "redis:responseTime":
            return "Callers get 503 and may safely try again. See whether Redis runs, and whether "
                + "REDIS_URL, its user and its password are right."
        case "redis:writes":
            return "Callers get 503 and may safely try again. Mend it in Redis: nothing that was "
                + "confirmed is lost."
        case "redis:durability":
            return "Turn on appendonly in Redis, or give it the replicas that DURABILITY asks for."
        case "redis:eviction": return "CONFIG SET maxmemory-policy noeviction, and in its file."
        case "queue:depth":
            return status == .fail
                ? "Another program uses the key: choose another QUEUE, or rename its key."
                : "Start more workers, or see why they are slow."
        case "queue:age": return "See whether the workers run, and whether the PSP answers them."
        case "workers:count":
            return "Start the connector. Transactions are accepted meanwhile, and wait."
        default: return nil
        }
    }

    /// The check's name for people: `oldest transaction`.
    var title: String {
        switch name {
        case "redis:responseTime": "Redis"
        case "redis:writes": "Redis refuses writes"
        case "redis:durability": "Durability"
        case "redis:eviction": "Eviction"
        case "queue:depth": "Queue"
        case "queue:age": "Oldest transaction"
        case "workers:count": "Workers"
        default: name
        }
    }

    /// The observed value with its unit: `12 transactions`; empty without one.
    var observedText: String {
        let value: String
        switch observed {
        case .number(let number): value = "\(number)"
        case .thousandths(let number): value = "\(number / 1_000).\(number % 1_000 / 100)"
        case .text(let text): value = text
        case nil: return ""
        }
        return unit.map { "\(value) \($0)" } ?? value
    }
}
