internal import CoreAPIBase

/// Removes a URL's passwords from error replies: a reply may repeat the command, whole or in part.
struct RedisSecrets {
    /// The prefix of each secret.
    private var secrets: [[UInt8]]

    /// Length of the prefix. A reply may repeat only the beginning of a long secret.
    private static let prefixBytes = 8

    /// No secret.
    init() { secrets = [] }

    // A user without a password may be a password in the wrong place.

    init(_ url: RedisURL) {
        let sentinels = url.place.sentinels
        self.init([url.password ?? url.user, sentinels?.password ?? sentinels?.user])
    }

    init(_ sentinels: RedisSentinels) { self.init([sentinels.password ?? sentinels.user]) }

    private init(_ texts: [String?]) {
        secrets = texts.compactMap { $0 }.filter { !$0.isEmpty }
            .map { Array($0.utf8.prefix(RedisSecrets.prefixBytes)) }
    }

    /// These secrets and, so that a reply to the old login shows none either, the newest of others.
    func with(_ others: RedisSecrets) -> RedisSecrets {
        var merged = self
        merged.secrets += others.secrets.prefix(RedisSecrets.othersMax)
        return merged
    }

    /// Those of the URL before: of Redis and of its sentinels.
    private static let othersMax = 2

    /// The error without secrets. The arguments that Redis repeats are cut off. If the rest
    /// contains a secret's prefix, only the kind's word remains.
    func stripped(_ error: RedisServerError) -> RedisServerError {
        let message = error.message
        if RedisSecrets.fixedTexts.contains(where: { message.hasPrefix($0) }) { return error }
        var shown = message[...]
        if let arguments = message.firstRange(ofASCII: RedisSecrets.argumentsMark) {
            shown = message[..<arguments.lowerBound]
        }
        if hasSecret(shown) {
            return RedisServerError(error.kind, message: error.kind.rawValue)
        }
        guard shown.endIndex < message.endIndex else { return error }
        return RedisServerError(error.kind, message: shown + RedisSecrets.argumentsMark + " …")
    }

    private func hasSecret(_ text: Substring) -> Bool {
        var rest = text.utf8[...]
        while !rest.isEmpty {
            if secrets.contains(where: { rest.starts(with: $0) }) { return true }
            rest.removeFirst()
        }
        return false
    }

    /// "ERR unknown command 'AUTH', with args beginning with: …".
    private static let argumentsMark = ", with args"

    /// Redis's fixed texts, which never repeat a command's arguments. A secret that equals one of
    /// their words is not revealed by them.
    private static let fixedTexts =
        [
            "ERR DB index is out of range", "ERR invalid DB index",
            "ERR AUTH <password> called without any password configured",
            "ERR Client sent AUTH, but no password is set", "ERR invalid password",
            "WRONGPASS invalid username-password pair", "NOAUTH Authentication required",
            "NOAUTH HELLO must be called", "LOADING Redis is loading", "OOM command not allowed",
            "READONLY You can't write against a read only replica",
            "MASTERDOWN Link with MASTER is down", "NOREPLICAS Not enough good replicas",
            "MISCONF Redis is configured to save RDB snapshots",
            "WRONGTYPE Operation against a key", "BUSY Redis is busy running a script",
            "CLUSTERDOWN ", "MOVED ", "ASK ", "TRYAGAIN ", "CROSSSLOT Keys in request",
        ] + RedisServerError.passingMessages
}
