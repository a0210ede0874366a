internal import CoreAPIHTTP
internal import CoreAPIKit

/// The fields that tell a verified user of the limit (draft-ietf-httpapi-ratelimit-headers-11):
///
///     RateLimit-Policy: "user";q=100;w=60     100 transactions in 60 seconds
///     RateLimit: "user";r=50;t=1              50 more at once, and one more after a second
///
/// The second is there where Redis was asked: it is the one who counts.
struct RateLimitFields {
    private let policy: String

    init(_ limit: RateLimit) { policy = "\"user\";q=\(limit.count);w=\(limit.seconds)" }

    /// - Parameter allowance: nil if it is not known.
    func list(_ allowance: RateAllowance?) -> [(name: StaticString, value: String)] {
        guard let allowance else { return [("RateLimit-Policy", policy)] }
        return [
            ("RateLimit-Policy", policy),
            ("RateLimit", "\"user\";r=\(allowance.remaining);t=\(allowance.seconds)"),
        ]
    }
}
