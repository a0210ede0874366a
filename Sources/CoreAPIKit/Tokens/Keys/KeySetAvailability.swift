/// The key set of a server.
package enum KeySetAvailability: Sendable {
    /// No key set is configured: tokens are signed with a secret.
    case notConfigured
    /// The configured set has never been there, or is too old.
    case unavailable
    case available(JSONWebKeySet)
}
