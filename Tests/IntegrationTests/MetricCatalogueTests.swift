import Foundation
import Testing

@testable import CoreAPIServer

@Suite(.serialized, .timeLimit(.minutes(10))) struct MetricCatalogueTests {
    @Test func `every metric of the catalogue is there once it has something to count`()
        async throws
    {
        try await RedisServer.with { redis in
            let key = try await IssuerKey("a")
            try await KeySetIssuer.with([key]) { issuer in
                let environment = [
                    "REDIS_URL": redis.url, "QUEUE": "rq:t", "METRICS_PORT": "0",
                    "JWT_JWKS_URL": issuer.url,
                ]
                try await APIServer.with(environment) { server in
                    let port = try await server.metricsPort()
                    try await eventually("a transaction is accepted") {
                        try server.post(APIServer.body()).status == 200
                    }
                    redis.kill()
                    try await eventually("the connection is lost") {
                        try Scrape(port: port)["core_api_redis_connections_ready"] == 0
                    }
                    try await redis.start()
                    // With a transaction that the queue refuses.
                    for amount in [1, 2] {
                        let body = APIServer.body(amount: amount)
                        _ = try server.post(body, fields: "Idempotency-Key: k\r\n")
                    }
                    // Those of exported spans are there with a collector alone: SpanExportTests.
                    let all = Set(MetricCatalogue.all.map(\.name)).subtracting([
                        MetricCatalogue.spansExported.name, MetricCatalogue.spansDropped.name,
                    ])
                    try await eventually("all are there") {
                        try Scrape(port: port).families == all
                    }
                }
            }
        }
    }
}
