import CoreAPIKit
import Testing

/// An argument out of its bounds is an error, not a trap. One import is enough for the types of all
/// arguments.
@Suite struct ArgumentTests {
    private static let options: [(String, @Sendable (inout QueueOptions) -> Void)] = [
        ("enqueueTimeout", { $0.enqueueTimeout = .zero }),
        ("enqueueTimeout", { $0.enqueueTimeout = .seconds(-5) }),
        ("enqueueTimeout", { $0.enqueueTimeout = .milliseconds(99) }),
        ("enqueueTimeout", { $0.enqueueTimeout = .milliseconds(30_001) }),
        ("enqueueTimeout", { $0.enqueueTimeout = .seconds(Int64.max) }),
        ("durability", { $0.durability = .replicas(0) }),
        ("durability", { $0.durability = .replicas(-1) }),
        ("durability", { $0.durability = .replicas(101) }),
    ]

    /// The argument that an operation names as wrong.
    private func argument(of operation: () async throws -> Void) async -> String? {
        do { try await operation() } catch let error as RedisError {
            guard case .argumentInvalid(let error) = error else { return "\(error)" }
            return error.argument
        } catch let error as ConsumerError {
            guard case .refused(.argumentInvalid(let error)) = error else { return "\(error)" }
            return error.argument
        } catch { return (error as? ArgumentError)?.argument }
        return nil
    }

    @Test(arguments: ArgumentTests.options.indices)
    func `a wrong option of a queue is thrown before it connects`(index: Int) async {
        let (name, change) = ArgumentTests.options[index]
        var options = QueueOptions()
        change(&options)
        // Nothing listens there: a connection would be another error.
        let url = "redis://127.0.0.1:1"
        #expect(
            await argument {
                _ = try await StreamTransactionQueue(url: url, key: "s", options: options)
            } == name)
        #expect(
            await argument { _ = try await RQTransactionQueue(url: url, options: options) } == name)
    }

    @Test func `a wrong option of jobs is thrown before it connects`() async {
        var jobs = RQJobOptions()
        jobs.function = "make_transaction"
        #expect(
            await argument {
                _ = try await RQTransactionQueue(url: "redis://127.0.0.1:1", jobs: jobs)
            } == "function")
    }

    private static let consumerOptions: [(String, @Sendable (inout ConsumerOptions) -> Void)] = [
        ("name", { $0.name = "" }), ("name", { $0.name = "retry" }),
        ("prefetch", { $0.prefetch = 0 }), ("prefetch", { $0.prefetch = 1_001 }),
        ("attemptsMax", { $0.attemptsMax = 0 }), ("attemptsMax", { $0.attemptsMax = 1_001 }),
        ("visibilityTimeout", { $0.visibilityTimeout = .milliseconds(999) }),
        ("visibilityTimeout", { $0.visibilityTimeout = .seconds(3_601) }),
        ("handlingTimeMax", { $0.handlingTimeMax = .seconds(-1) }),
        ("handlingTimeMax", { $0.handlingTimeMax = .seconds(Int64.max) }),
        ("retryPauseMin", { $0.retryPauseMin = .seconds(-1) }),
        ("retryPauseMin", { $0.retryPauseMin = .milliseconds(9) }),
        ("retryPauseMax", { $0.retryPauseMax = .seconds(1) }),
        ("retryPauseMax", { $0.retryPauseMax = .seconds(86_401) }),
    ]

    @Test(arguments: ArgumentTests.consumerOptions.indices)
    func `a wrong option of a consumer is thrown before it connects`(index: Int) async {
        let (name, change) = ArgumentTests.consumerOptions[index]
        var options = ConsumerOptions()
        change(&options)
        #expect(
            await argument {
                _ = try await TransactionConsumer(
                    url: "redis://127.0.0.1:1", key: "s", group: "g", options: options)
            } == name)
    }

    @Test(arguments: [("", "g", "key"), ("s", "", "group")])
    func `a consumer's stream and group have names`(key: String, group: String, name: String) async
    {
        #expect(
            await argument {
                _ = try await TransactionConsumer(
                    url: "redis://127.0.0.1:1", key: key, group: group)
            } == name)
    }

    @Test func `a consumer of a cluster needs a stream of several partitions`() async {
        #expect(
            await argument {
                _ = try await TransactionConsumer(
                    url: "redis-cluster://127.0.0.1:1", key: "s", group: "g")
            } == "partitions")
    }

    @Test func `a capacity, a leeway, a lifetime and a user id have bounds`() async throws {
        for capacity in [0, -1, Int.min] {
            #expect(
                await argument { _ = try InMemoryTransactionQueue(capacity: capacity) }
                    == "capacity")
        }
        for leeway in [Duration.seconds(-1), .seconds(3_155_760_001), .seconds(Int64.max)] {
            #expect(await argument { _ = try TokenPolicy(leeway: leeway) } == "leeway")
        }
        for lifetime in [Duration.zero, .seconds(-1), .seconds(3_155_760_001)] {
            #expect(
                await argument { _ = try TokenPolicy(leeway: .zero, lifetimeMax: lifetime) }
                    == "lifetimeMax")
        }
        let amount = try #require(Amount(1))
        let currency = try #require(CurrencyCode("EUR"))
        for userID in [-1, 9_007_199_254_740_992] {
            #expect(
                await argument { _ = try TokenClaims(userID: userID, isEnabled: true) } == "userID")
            #expect(
                await argument {
                    _ = try Transaction(
                        id: .random(), amount: amount, currency: currency, userID: userID,
                        createdAt: .now())
                } == "userID")
        }
        #expect(
            ArgumentError(argument: "capacity", expectation: "at least 1").description
                == "capacity is at least 1")
    }

    @Test func `a time before 1970 or after 2262 is the nearest one that there is`() {
        #expect(UnixTime(seconds: -1) == UnixTime(nanoseconds: 0))
        #expect(UnixTime(seconds: .min) == UnixTime(nanoseconds: 0))
        #expect(UnixTime(seconds: .max) == UnixTime(nanoseconds: .max))
        #expect(UnixTime(nanoseconds: -1).timestamp == "1970-01-01T00:00:00.000000Z")
    }
}
