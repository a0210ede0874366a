import Foundation
import Testing

/// A parsed answer of `/health`.
struct HealthAnswer {
    let httpStatus: Int
    let status: String
    /// By name, each with its members.
    let checks: [String: [String: Any]]

    init(_ server: APIServer, _ path: String = "/health") throws {
        let answer = try server.get(path)
        httpStatus = answer.status
        let json = try JSONSerialization.jsonObject(with: Data(answer.body.utf8))
        let object = try #require(json as? [String: Any])
        status = try #require(object["status"] as? String)
        let all = try #require(object["checks"] as? [String: [[String: Any]]])
        for (name, list) in all {
            #expect(list.count == 1)
            #expect((list.first?["time"] as? String)?.hasSuffix("Z") == true, "\(name)")
            #expect(list.first?["componentType"] is String, "\(name)")
        }
        checks = all.compactMapValues(\.first)
    }

    func number(_ check: String) -> Int? { checks[check]?["observedValue"] as? Int }

    func status(_ check: String) -> String? { checks[check]?["status"] as? String }

    func output(_ check: String) -> String { checks[check]?["output"] as? String ?? "" }

    /// Polls until the answer is as expected: the server caches it for a second.
    static func eventually(
        _ what: String, _ server: APIServer, path: String = "/health",
        _ condition: (HealthAnswer) -> Bool
    ) async throws {
        var last: HealthAnswer?
        do {
            try await IntegrationTests.eventually(what) {
                let answer = try HealthAnswer(server, path)
                last = answer
                return condition(answer)
            }
        } catch let error as TooLate {
            throw TooLate(what: "\(error.what): \(last.map { "\($0)" } ?? "no answer")")
        }
    }
}
