import CoreAPIKit
import Hummingbird
import ServiceLifecycle

/// A service with Hummingbird that checks transactions and puts them on the queue of python-rq
/// workers.
@main
enum TransactionService {
    static func main() async throws {
        let environment = Environment()
        let url = environment.get("REDIS_URL") ?? "redis://127.0.0.1:6379"
        let verifier = try HMACTokenVerifier(secret: environment.require("JWT_SECRET"))
        let queue = try await RQTransactionQueue(url: url, name: "default")

        var application = application(
            intake: TransactionIntake(verifier: verifier, queue: queue),
            port: environment.get("HTTP_PORT", as: Int.self) ?? 8080)
        application.addServices(QueueService(queue: queue))
        try await application.runService()
    }

    /// The router, which tests run with fakes in the intake.
    static func application(
        intake: TransactionIntake, port: Int = 0
    ) -> Application<RouterResponder<BasicRequestContext>> {
        let router = Router()
        TransactionRoutes(intake: intake).add(to: router)
        return Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)))
    }
}

/// Closes the queue. The services of an application end in reverse order, so the server has
/// answered its last request before.
struct QueueService: Service {
    let queue: RQTransactionQueue

    func run() async throws {
        try await gracefulShutdown()
        queue.close()
    }
}
