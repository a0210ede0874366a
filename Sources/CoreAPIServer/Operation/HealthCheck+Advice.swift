extension HealthCheck {
    /// What an operator does about a check that does not pass.
    var advice: String? {
        guard status != .pass else { return nil }
        switch name {
        case "redis:responseTime":
            return "See whether Redis runs, and whether REDIS_URL, its user and its password are "
                + "right. Callers get 503 meanwhile, and may safely try again."
        case "redis:writes":
            return "Mend in Redis what is named here. Callers get 503 meanwhile, and may safely "
                + "try again; nothing that was confirmed is lost."
        case "redis:durability":
            return status == .fail
                ? "Give Redis what DURABILITY asks for: appendonly yes, or its replicas again."
                : "Set appendonly yes in Redis, or give it a replica."
        case "redis:eviction":
            return "Run CONFIG SET maxmemory-policy noeviction, and set it in redis.conf too."
        case "queue:depth":
            return status == .fail
                ? "Another program uses the key: choose another QUEUE, or rename its key."
                : "Start more workers, or see in their logs why they are slow."
        case "queue:age":
            return "See whether the workers run, and in their logs whether the PSP answers them."
        case "queue:dead":
            return "See why, under Dead letters or by core-api dead list. Mend the cause, then put "
                + "them back (requeue), or remove them."
        case "workers:count":
            return "Start the connector, or see in its log why it ended. Transactions are accepted "
                + "meanwhile, and wait."
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
        case "queue:dead": "Dead letters"
        case "workers:count": "Workers"
        default: name
        }
    }

    /// The observed value with its unit: `12 transactions`, `1 worker`; empty without one.
    var observedText: String {
        let value: String
        switch observed {
        case .number(let number): value = "\(number)"
        case .thousandths(let number): value = "\(number / 1_000).\(number % 1_000 / 100)"
        case .text(let text): value = text
        case nil: return ""
        }
        guard let unit else { return value }
        let isOne = observed == .number(1) && unit.utf8.count > 1 && unit.utf8.last == 0x73
        return "\(value) \(isOne ? String(unit.dropLast()) : unit)"
    }
}
