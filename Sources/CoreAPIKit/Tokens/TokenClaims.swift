/// What a verified token says of its bearer.
public struct TokenClaims: Hashable, Sendable {
    /// 0 to 2^53-1.
    public static let userIDBounds = 0...9_007_199_254_740_991

    /// The user's id in the Auth API: 0 to 2^53-1.
    public let userID: Int
    /// Whether the user may make transactions.
    public let isEnabled: Bool

    /// The claims of a user whose id is 0 to 2^53-1; another id is a mistake of the program.
    public init(userID: Int, isEnabled: Bool) {
        precondition(TokenClaims.userIDBounds.contains(userID), "a user's id is 0 to 2^53-1")
        self.userID = userID
        self.isEnabled = isEnabled
    }
}
