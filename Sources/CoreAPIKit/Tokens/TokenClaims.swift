/// The claims of a verified token about its user.
public struct TokenClaims: Hashable, Sendable {
    /// The bounds of a user's id: 0 to 2^53-1.
    public static let userIDBounds = 0...9_007_199_254_740_991

    /// The user's id in the Auth API: 0 to 2^53-1.
    public let userID: Int
    /// Whether the user may make transactions.
    public let isEnabled: Bool

    /// The claims of a user. Traps if the id is not 0 to 2^53-1.
    public init(userID: Int, isEnabled: Bool) {
        precondition(TokenClaims.userIDBounds.contains(userID), "TokenClaims: userID out of bounds")
        self.userID = userID
        self.isEnabled = isEnabled
    }
}
