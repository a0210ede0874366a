public import CoreAPIBase

/// The claims of a verified token.
public struct TokenClaims: Hashable, Sendable {
    /// The bounds of a user's id: 0 to 2^53-1.
    public static let userIDBounds = 0...9_007_199_254_740_991

    /// The user's id in the Auth API: 0 to 2^53-1.
    public let userID: Int
    /// Whether the user may make transactions.
    public let isEnabled: Bool

    /// The claims of a user whose id is 0 to 2^53-1; another id is an `ArgumentError`.
    public init(userID: Int, isEnabled: Bool) throws(ArgumentError) {
        try TokenClaims.check(userID)
        self.init(validUserID: userID, isEnabled: isEnabled)
    }

    static func check(_ userID: Int) throws(ArgumentError) {
        try ArgumentError.check(userIDBounds.contains(userID), "userID", "0 to 2^53-1")
    }

    /// - Parameter userID: is in `userIDBounds`.
    package init(validUserID userID: Int, isEnabled: Bool) {
        self.userID = userID
        self.isEnabled = isEnabled
    }
}
