import CoreAPIKit
import Dispatch
import Glibc

// A PSP connector: it processes the transactions of a stream, each at least once.
//
//     connector-example redis://127.0.0.1:6379 transactions psp
//
// Exit status: 0 after SIGTERM, 64 for wrong arguments, 1 after a lasting error or if Redis cannot
// be reached at the start.

let arguments = CommandLine.arguments
guard arguments.count == 4, !arguments[2].isEmpty, !arguments[3].isEmpty else {
    complain("usage: connector-example URL STREAM GROUP")
    exit(64)
}
var options = ConsumerOptions()
// The time after which other connectors get the deliveries of a dead process.
options.visibilityTimeout = .seconds(5)
do {
    let consumer = try await TransactionConsumer(
        url: arguments[1], key: arguments[2], group: arguments[3], options: options)

    // SIGTERM drains: the current transaction is finished, the others go back to the group.
    signal(SIGTERM, SIG_IGN)
    let termination = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .main)
    termination.setEventHandler { consumer.stop() }
    termination.resume()

    for try await delivery in consumer { await process(delivery) }
} catch {
    complain("\(error)")
    exit(1)
}

/// A failed payment is retried. After a failed acknowledgement nothing is done: the payment was
/// made, and the transaction may be delivered again. The sequence throws a lasting error.
func process(_ delivery: Delivery) async {
    do { try await charge(delivery.transaction) } catch {
        return await delivery.retry(because: "\(error)")
    }
    do { try await delivery.ack() } catch {
        complain("charged \(delivery.transaction.id), but not acknowledged: \(error)")
    }
}

/// Stands for the call of a PSP, to whom the transaction's id is the idempotency key: the same
/// transaction may come again.
func charge(_ transaction: Transaction) async throws {
    try await Task.sleep(for: .milliseconds(20))
    print("charged \(transaction.id): \(transaction.amount.minorUnits) \(transaction.currency)")
    fflush(nil)
}

/// Writes a line to standard error.
func complain(_ text: String) {
    let line = Array("connector-example: \(text)\n".utf8)
    unsafe line.withUnsafeBytes { _ = unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
