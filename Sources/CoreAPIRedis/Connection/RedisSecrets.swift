internal import CoreAPIBase

/// Removes a URL's password from Redis's error replies: a reply may repeat the command, whole or in
/// part.
struct RedisSecrets {
    /// The prefix of the secret; nil without a secret.
    private let secret: [UInt8]?

    /// Length of the prefix. A reply may repeat only the beginning of a long secret.
    private static let prefixBytes = 8

    /// No secret.
    init() { secret = nil }

    init(_ url: RedisURL) {
        // A user without a password may be a password in the wrong place.
        guard let secret = url.password ?? url.user, !secret.isEmpty else {
            self.secret = nil
            return
        }
        self.secret = Array(secret.utf8.prefix(RedisSecrets.prefixBytes))
    }

    /// The error without secrets. The arguments that Redis repeats are cut off. If the rest
    /// contains the secret's prefix, only the kind's word remains.
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
            "CLUSTERDOWN ", "CROSSSLOT Keys in request",
        ] + RedisServerError.passingMessages
}
