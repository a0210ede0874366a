import CoreAPIKit
import Hummingbird
import ServiceLifecycle

/// A service of one's own, with Hummingbird: it checks transactions and puts them on the queue that
/// python-rq workers read.
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

    /// What tests run too, with fakes in the intake.
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

/// Closes the queue in its turn: the services of an application end in the reverse of their order,
/// so the server has answered its last request by then.
struct QueueService: Service {
    let queue: RQTransactionQueue

    func run() async throws {
        try await gracefulShutdown()
        queue.close()
    }
}
