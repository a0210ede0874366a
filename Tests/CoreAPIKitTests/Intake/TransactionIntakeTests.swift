import CoreAPIKit
import Testing

@testable import CoreAPIBase

@Suite struct TransactionIntakeTests {
    private let queue = InMemoryTransactionQueue()
    private let now = UnixTime(nanoseconds: 1_700_000_000_123_456_789)

    private var intake: TransactionIntake {
        let now = now
        return TransactionIntake(
            verifier: FixedTokenVerifier([
                "alice": TokenClaims(validUserID: 1, isEnabled: true),
                "bob": TokenClaims(validUserID: 2, isEnabled: false),
            ]), queue: queue, clock: { now })
    }

    private func refusal(json: String, bearer: String? = nil) async -> IntakeRefusal? {
        do {
            _ = try await intake.accept(json: Array(json.utf8), bearerToken: bearer)
            return nil
        } catch {
            return error
        }
    }

    private func pointers(_ refusal: IntakeRefusal?) -> [String]? {
        guard case .invalid(let problems) = refusal else { return nil }
        #expect(problems.allSatisfy { !$0.detail.isEmpty })
        return problems.map(\.pointer)
    }

    @Test func `typed values become a queued transaction`() async throws {
        let accepted = try await intake.accept(amount: 100, currency: "USD", token: "alice")
        #expect(accepted.amount.minorUnits == 100)
        #expect(accepted.currency.alphabetic == "USD")
        #expect(accepted.userID == 1)
        #expect(!accepted.isReplayed)
        let queued = try #require(queue.take())
        #expect(queued.id == accepted.id)
        #expect(queued.amount == accepted.amount)
        #expect(queued.currency == accepted.currency)
        #expect(queued.userID == 1)
        #expect(queued.createdAt == now)
    }

    @Test(arguments: [
        "{\"amount\":100,\"currency\":\"USD\",\"token\":\"alice\"}",
        "{\"amount\":\"100\",\"currency\":\"USD\",\"token\":\"alice\"}",
        " {\"token\":\"alice\" , \"currency\":\"USD\",\n\"amount\":100 } ",
        "{\"amount\":100,\"currency\":\"\\u0055SD\",\"token\":\"al\\u0069ce\"}",
        "{\"\\u0061mount\":\"\\u0031\\u00300\",\"currency\":\"USD\",\"token\":\"alice\"}",
        "{\"amount\":100,\"currency\":\"USD\",\"token\":\"alice\",\"x\":[{\"amount\":-1}],\"x\":2}",
    ])
    func `a JSON body becomes a queued transaction`(json: String) async throws {
        let accepted = try await intake.accept(json: Array(json.utf8))
        #expect(accepted.amount.minorUnits == 100)
        #expect(accepted.currency.alphabetic == "USD")
        #expect(queue.transactions.map(\.id) == [accepted.id])
    }

    @Test func `each transaction has an id of its own`() async throws {
        let first = try await intake.accept(amount: 1, currency: "EUR", token: "alice")
        let second = try await intake.accept(amount: 1, currency: "EUR", token: "alice")
        #expect(first.id != second.id)
        #expect(queue.take()?.id == first.id)
        #expect(queue.take()?.id == second.id)
        #expect(queue.take() == nil)
    }

    @Test func `a retry with the same key is answered by the first, whatever its token`()
        async throws
    {
        let key = try #require(IdempotencyKey("k"))
        let intake = TransactionIntake(
            verifier: FixedTokenVerifier([
                "alice": TokenClaims(validUserID: 1, isEnabled: true),
                "alice again": TokenClaims(validUserID: 1, isEnabled: true),
                "bob": TokenClaims(validUserID: 2, isEnabled: true),
            ]), queue: queue)
        let first = try await intake.accept(
            amount: 1, currency: "EUR", token: "alice", idempotencyKey: key)
        let body = Array("{\"amount\":1,\"currency\":\"EUR\",\"token\":\"alice again\"}".utf8)
        let second = try await intake.accept(json: body, idempotencyKey: key)
        #expect(second.id == first.id)
        #expect(second.isReplayed)
        #expect(queue.transactions.map(\.id) == [first.id])
        await #expect(throws: IntakeRefusal.queue(.idempotencyKeyReused)) {
            try await intake.accept(
                amount: 2, currency: "EUR", token: "alice", idempotencyKey: key)
        }
        let other = try await intake.accept(
            amount: 2, currency: "EUR", token: "bob", idempotencyKey: key)
        #expect(!other.isReplayed)
    }

    @Test func `the bearer token is used if the body has no token or the same one`() async {
        let body = "{\"amount\":1,\"currency\":\"EUR\"}"
        #expect(await refusal(json: body, bearer: "alice") == nil)
        #expect(await refusal(json: body) == .tokenMissing)
        let both = "{\"amount\":1,\"currency\":\"EUR\",\"token\":\"alice\"}"
        #expect(await refusal(json: both, bearer: "alice") == nil)
        #expect(await refusal(json: both, bearer: "bob") == .tokensDiffer)
    }

    @Test func `a null or empty token beside a bearer token counts as absent`() async {
        for token in ["null", "\"\""] {
            let body = "{\"amount\":1,\"currency\":\"EUR\",\"token\":\(token)}"
            #expect(await refusal(json: body, bearer: "alice") == nil, "\(token)")
            #expect(await refusal(json: body, bearer: "bob") == .userDisabled, "\(token)")
        }
        let null = "{\"amount\":1,\"currency\":\"EUR\",\"token\":null}"
        #expect(await refusal(json: null) == .token(.malformed(.notText)))
        let empty = "{\"amount\":1,\"currency\":\"EUR\",\"token\":\"\"}"
        #expect(await refusal(json: empty) == .token(.malformed(.notThreeParts)))
        for token in ["0", "false", "[]", "{}"] {
            let body = "{\"amount\":1,\"currency\":\"EUR\",\"token\":\(token)}"
            #expect(await refusal(json: body, bearer: "alice") == .token(.malformed(.notText)))
        }
        let twice = "{\"amount\":1,\"currency\":\"EUR\",\"token\":null,\"token\":null}"
        #expect(pointers(await refusal(json: twice, bearer: "alice")) == ["/token"])
    }

    @Test(arguments: [
        "\"x\":\"\\ud834\"", "\"\\udd1e\":1", "\"x\":[{\"\\ud834\":\"\\ud834\\ud834\"}]",
    ])
    func `half of a surrogate pair in an ignored member is ignored (RFC 8259 §8.2)`(
        member: String
    ) async {
        let body = "{\"amount\":1,\"currency\":\"EUR\",\"token\":\"alice\",\(member)}"
        #expect(await refusal(json: body) == nil)
    }

    @Test func `half of a surrogate pair in a used member is refused`() async {
        let amount = "{\"amount\":\"1\\ud834\",\"currency\":\"EUR\",\"token\":\"alice\"}"
        #expect(pointers(await refusal(json: amount)) == ["/amount"])
        let currency = "{\"amount\":1,\"currency\":\"EU\\ud834\",\"token\":\"alice\"}"
        #expect(pointers(await refusal(json: currency)) == ["/currency"])
        let token = "{\"amount\":1,\"currency\":\"EUR\",\"token\":\"alice\\ud834\"}"
        #expect(await refusal(json: token) == .token(.signatureInvalid))
        let name = "{\"amount\\ud834\":1,\"currency\":\"EUR\",\"token\":\"alice\"}"
        #expect(pointers(await refusal(json: name)) == ["/amount"])
    }

    @Test func `one byte order mark before the body is passed over, other encodings are refused`()
        async
    {
        let body = "{\"amount\":1,\"currency\":\"EUR\",\"token\":\"alice\"}"
        #expect(await refusal(json: "\u{FEFF}\(body)") == nil)
        #expect(await refusal(json: "\u{FEFF} \(body)") == nil)
        #expect(
            await refusal(json: "\u{FEFF}\u{FEFF}\(body)")
                == .malformedJSON(JSONError(reason: .valueExpected, offset: 3)))
        let utf16: [UInt8] =
            [0xFF, 0xFE] + body.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        await #expect(
            throws: IntakeRefusal.malformedJSON(JSONError(reason: .notUTF8, offset: 0))
        ) {
            try await intake.accept(json: utf16)
        }
    }

    @Test(arguments: [
        "BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW",
    ])
    func `a fund code is refused, with that reason`(code: String) async {
        let json = "{\"amount\":1,\"currency\":\"\(code)\",\"token\":\"alice\"}"
        guard case .invalid(let problems) = await refusal(json: json) else {
            Issue.record("not refused")
            return
        }
        #expect(problems.map(\.pointer) == ["/currency"])
        #expect(problems.allSatisfy { $0.detail.contains("is a fund code") })
        await #expect(throws: IntakeRefusal.invalid(problems)) {
            try await intake.accept(amount: 1, currency: code, token: "alice")
        }
    }

    @Test func `members that are there more than twice are refused like those twice`() async {
        let many = String(repeating: "\"amount\":1,\"currency\":\"EUR\",", count: 4)
        #expect(
            pointers(await refusal(json: "{\(many)\"token\":\"alice\"}"))
                == ["/amount", "/currency"])
        let tokens = String(repeating: ",\"token\":\"alice\"", count: 4)
        #expect(
            pointers(await refusal(json: "{\"amount\":1,\"currency\":\"EUR\"\(tokens)}"))
                == ["/token"])
    }

    @Test func `a long amount in escape sequences is out of bounds`() async {
        let long = String(repeating: "\\u0030", count: 16) + "1"
        for digits in [long, String(repeating: "\\u0031", count: 17)] {
            let json = "{\"amount\":\"\(digits)\",\"currency\":\"EUR\",\"token\":\"alice\"}"
            #expect(pointers(await refusal(json: json)) == ["/amount"])
        }
        let most = "9007199254740991".utf8.map { "\\u003\($0 - 48)" }.joined()
        let json = "{\"amount\":\"\(most)\",\"currency\":\"EUR\",\"token\":\"alice\"}"
        #expect(await refusal(json: json) == nil)
    }

    @Test(arguments: [
        ("0", "/amount"), ("-1", "/amount"), ("1.0", "/amount"), ("1e2", "/amount"),
        ("9007199254740992", "/amount"), ("99999999999999999999999999999", "/amount"),
        ("\"\"", "/amount"), ("\"0\"", "/amount"), ("\"007\"", "/amount"), ("\"+1\"", "/amount"),
        ("\"-1\"", "/amount"), ("\" 1\"", "/amount"), ("\"1.5\"", "/amount"),
        ("\"1e2\"", "/amount"),
        ("\"٣\"", "/amount"), ("true", "/amount"), ("null", "/amount"), ("[1]", "/amount"),
        ("{}", "/amount"), ("\"99999999999999999999999999999\"", "/amount"),
    ])
    func `an invalid amount is refused`(amount: String, pointer: String) async {
        let json = "{\"amount\":\(amount),\"currency\":\"USD\",\"token\":\"alice\"}"
        #expect(pointers(await refusal(json: json)) == [pointer])
        #expect(queue.transactions.isEmpty)
    }

    @Test(arguments: [
        "\"usd\"", "\"US\"", "\"\"", "\"XXX\"", "\"XAU\"", "\"XTS\"", "840", "null", "[\"USD\"]",
        "{}",
        "\"USD \"", "\"USDUSDUSDUSDUSDUSDUSDUSDUSD\"", "true",
    ])
    func `an invalid currency is refused`(currency: String) async {
        let json = "{\"amount\":1,\"currency\":\(currency),\"token\":\"alice\"}"
        #expect(pointers(await refusal(json: json)) == ["/currency"])
        #expect(queue.transactions.isEmpty)
    }

    @Test func `every bad field is named at once`() async {
        #expect(pointers(await refusal(json: "{\"token\":\"alice\"}")) == ["/amount", "/currency"])
        let json = "{\"amount\":0,\"currency\":\"usd\",\"token\":\"alice\"}"
        #expect(pointers(await refusal(json: json)) == ["/amount", "/currency"])
        do {
            _ = try await intake.accept(amount: 0, currency: "XAU", token: "alice")
            Issue.record("accepted")
        } catch {
            #expect(pointers(error) == ["/amount", "/currency"])
        }
    }

    @Test func `a repeated field is refused in any spelling`() async {
        for (json, expected) in [
            ("{\"amount\":1,\"amount\":1,\"currency\":\"USD\",\"token\":\"alice\"}", "/amount"),
            (
                "{\"amount\":1,\"\\u0061mount\":1,\"currency\":\"USD\",\"token\":\"alice\"}",
                "/amount"
            ),
            (
                "{\"amount\":1,\"currency\":\"USD\",\"currency\":\"USD\",\"token\":\"alice\"}",
                "/currency"
            ),
            (
                "{\"amount\":1,\"currency\":\"USD\",\"token\":\"alice\",\"token\":\"alice\"}",
                "/token"
            ),
            ("{\"amount\":0,\"currency\":1,\"token\":\"alice\",\"token\":\"bob\"}", "/token"),
        ] { #expect(pointers(await refusal(json: json)) == [expected], "\(json)") }
    }

    @Test func `a body that is JSON but no object is no transaction`() async {
        for json in ["[]", "1", "\"x\"", "null", "true"] {
            #expect(pointers(await refusal(json: json, bearer: "alice")) == [""])
            #expect(await refusal(json: json) == .tokenMissing)
        }
    }

    @Test func `JSON comes before the token, the token before the fields`() async {
        #expect(
            await refusal(json: "{\"token\":\"mallory\"")
                == .malformedJSON(
                    JSONError(reason: .unterminated, offset: 18)))
        #expect(
            await refusal(json: "{\"amount\":0,\"token\":\"mallory\"}") == .token(.signatureInvalid)
        )
        #expect(await refusal(json: "{\"amount\":0,\"token\":\"bob\"}") == .userDisabled)
        #expect(await refusal(json: "{\"amount\":0}") == .tokenMissing)
        #expect(await refusal(json: "{\"amount\":0,\"token\":1}") == .token(.malformed(.notText)))
        #expect(
            await refusal(json: "{\"amount\":0,\"token\":null}") == .token(.malformed(.notText)))
    }

    @Test func `a full queue refuses, and keeps its transactions`() async throws {
        let small = try InMemoryTransactionQueue(capacity: 2)
        let intake = TransactionIntake(
            verifier: FixedTokenVerifier(["alice": TokenClaims(validUserID: 1, isEnabled: true)]),
            queue: small)
        let first = try await intake.accept(amount: 1, currency: "EUR", token: "alice")
        let second = try await intake.accept(amount: 2, currency: "EUR", token: "alice")
        await #expect(throws: IntakeRefusal.queue(.full)) {
            try await intake.accept(amount: 3, currency: "EUR", token: "alice")
        }
        #expect(small.transactions.map(\.id) == [first.id, second.id])
        #expect(small.take()?.id == first.id)
        _ = try await intake.accept(amount: 4, currency: "EUR", token: "alice")
    }
}
