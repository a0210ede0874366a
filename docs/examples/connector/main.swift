import CoreAPIKit
import Dispatch
import Glibc

// A PSP connector: it processes the transactions of a stream, each at least once.
//
//     connector-example redis://127.0.0.1:6379 transactions psp

let arguments = CommandLine.arguments
precondition(arguments.count == 4, "usage: connector-example URL STREAM GROUP")
var options = ConsumerOptions()
// So long after this process has died, others get what it held.
options.visibilityTimeout = .seconds(5)
let consumer = try await TransactionConsumer(
    url: arguments[1], key: arguments[2], group: arguments[3], options: options)

// SIGTERM ends it in order: the transaction at hand is finished, the others go back.
signal(SIGTERM, SIG_IGN)
let termination = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .main)
termination.setEventHandler { consumer.stop() }
termination.resume()

for try await delivery in consumer {
    do {
        try await charge(delivery.transaction)
        try await delivery.ack()
    } catch {
        await delivery.retry(because: "\(error)")
    }
}

/// Stands for the call of a PSP, to whom the transaction's id is the idempotency key: the same
/// transaction may come again.
func charge(_ transaction: Transaction) async throws {
    try await Task.sleep(for: .milliseconds(20))
    print("charged \(transaction.id): \(transaction.amount.minorUnits) \(transaction.currency)")
    fflush(nil)
}
