internal import CoreAPIBase

/// User, password and database of a URL, collected from authority, path and parameters.
struct RedisURLLogin {
    private(set) var user: String?
    private(set) var password: String?
    private(set) var database: Int?

    /// Takes the login of the authority. An empty user or password counts as absent.
    mutating func take(_ authority: RedisURLAuthority) throws(RedisURLError) {
        if let user = authority.user, !user.isEmpty { try take("username", user) }
        if let password = authority.password, !password.isEmpty {
            guard let decoded = RedisURLParts.decode(password) else { throw .percentEncoding }
            self.password = decoded
        }
    }

    /// Takes one parameter; throws if it is repeated.
    mutating func take(_ name: Substring, _ value: Substring) throws(RedisURLError) {
        switch name {
        case "username" where user == nil: user = try text(value)
        case "password" where password == nil: password = try text(value)
        case "db" where database == nil:
            let digits = Array(value.utf8)
            guard let number = Digits.integer(0..<digits.count, of: digits.span),
                number <= RedisURL.databaseMax
            else { throw .database }
            database = number
        default: throw .parameter
        }
    }

    private func text(_ value: Substring) throws(RedisURLError) -> String? {
        guard let decoded = RedisURLParts.decode(value) else { throw .percentEncoding }
        return decoded.isEmpty ? nil : decoded
    }
}
