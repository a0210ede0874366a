internal import CoreAPIBase

/// Keeps a URL's password out of Redis's words: an error reply may repeat what it answers, whole or
/// in part.
struct RedisSecrets {
    /// The beginning of what is not to be told; nil if there is nothing.
    private let secret: [UInt8]?

    /// How much of a long secret is looked for: a reply may repeat its beginning alone.
    private static let prefixBytes = 8

    init(_ url: RedisURL) {
        // A user without a password may be a password that was written in the wrong place.
        guard let secret = url.password ?? url.user, !secret.isEmpty else {
            self.secret = nil
            return
        }
        self.secret = Array(secret.utf8.prefix(RedisSecrets.prefixBytes))
    }

    /// The error with as much of its text as does not hold the secret: nothing of the arguments
    /// that Redis repeats, and its first word alone if the rest holds the secret's beginning.
    func stripped(_ error: RedisServerError) -> RedisServerError {
        let message = error.message
        if RedisSecrets.fixedTexts.contains(where: { message.hasPrefix($0) }) { return error }
        var told = message[...]
        if let arguments = message.place(of: RedisSecrets.argumentsMark) {
            told = message[..<arguments.lowerBound]
        }
        if hasSecret(told) {
            return RedisServerError(error.kind, message: error.kind.rawValue)
        }
        guard told.endIndex < message.endIndex else { return error }
        return RedisServerError(error.kind, message: told + RedisSecrets.argumentsMark + " …")
    }

    private func hasSecret(_ text: Substring) -> Bool {
        guard let secret else { return false }
        var rest = text.utf8[...]
        while !rest.isEmpty {
            if rest.starts(with: secret) { return true }
            rest.removeFirst()
        }
        return false
    }

    /// "ERR unknown command 'AUTH', with args beginning with: …".
    private static let argumentsMark = ", with args"

    /// What Redis says in the same words whatever it was sent: a secret that is one of these words
    /// is not told by them.
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
            "CLUSTERDOWN ", "CROSSSLOT Keys in request",
        ] + RedisServerError.passingMessages
}
