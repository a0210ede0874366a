import CoreMetrics
import Logging
import Testing

@testable import CoreAPIBase
@testable import CoreAPIHTTP
@testable import CoreAPIKit
@testable import CoreAPIServer

/// Which endpoint answers a request, and the refusal if no endpoint matches.
@Suite struct RoutesTests {
    private func application(_ site: Endpoint.Sites) throws -> Application {
        let secret = Array("a secret of at least thirty-two bytes".utf8)
        let verifier = try HMACTokenVerifier(secrets: [secret], policy: TokenPolicy())
        let registry = MetricsRegistry(
            loops: 1, queue: "memory", connections: ConnectionCount(servedMax: 1, refusedMax: 1),
            inFlightMax: 1)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return Application(
            loop: try EventLoop(), site: site,
            transactions: TransactionEndpoint(
                checks: TransactionChecks(verifier: verifier),
                queue: InMemoryTransactionQueue()),
            health: HealthEndpoint(monitor: nil),
            metrics: HTTPMetrics(registry, registry.loops[0].shard, nil),
            accessLog: AccessLog(logger, level: nil), drain: DrainState(), logger: logger)
    }

    /// The name of the resource, and the status and `Allow` of the answer; nil for an endpoint.
    private func target(
        _ line: String, on site: Endpoint.Sites = .callers
    ) throws -> (name: String, status: HTTPStatus?, allow: String?) {
        let (head, bytes) = try RequestHead.of("\(line) HTTP/1.1\r\nHost: a")
        let (resource, target) = try application(site).target(head, bytes.span)
        let name = ResourceName.all[resource]
        switch target {
        case .endpoint: return (name, nil, nil)
        case .answer(let response): return (name, response.status, allow(response))
        case .refused(let problem):
            return (name, problem.response.status, allow(problem.response))
        }
    }

    private func allow(_ response: Response) -> String? {
        let fields = String(decoding: response.content[..<response.bodyStart], as: UTF8.self)
        return fields.split(separator: "\r\n").first { $0.hasPrefix("Allow: ") }.map {
            String($0.dropFirst(7))
        }
    }

    @Test(arguments: HTTPMethod.allCases)
    func `a registered method that a resource does not have is 405 with Allow, OPTIONS is 204`(
        method: HTTPMethod
    ) throws {
        for (path, name, allow, own) in [
            ("/transaction", "/transaction", "POST, OPTIONS", [HTTPMethod.post]),
            ("/%74ransactio%6e", "/transaction", "POST, OPTIONS", [.post]),
            ("/health", "/health", "GET, HEAD, OPTIONS", [.get, .head]),
            ("/openapi.json", "/openapi.json", "GET, HEAD, OPTIONS", [.get, .head]),
        ] {
            let target = try target("\(method.rawValue) \(path)")
            if method == .connect { continue }
            #expect(target.name == name)
            #expect(
                target.status
                    == (own.contains(method)
                        ? nil : method == .options ? .noContent : .methodNotAllowed))
            #expect(target.allow == (own.contains(method) ? nil : allow))
        }
        let nothing = try target("\(method.rawValue) /nothing")
        #expect(nothing.status == .notFound && nothing.name == "other" && nothing.allow == nil)
    }

    @Test(arguments: [("CONNECT a:80", HTTPStatus.methodNotAllowed), ("OPTIONS *", .noContent)])
    func `CONNECT to an authority is 405 with the server's methods, OPTIONS * is 204`(
        line: String, status: HTTPStatus
    ) throws {
        for (site, allow) in [
            (Endpoint.Sites.callers, "GET, HEAD, POST, OPTIONS"),
            (.operators, "GET, HEAD, OPTIONS"),
            ([.callers, .operators], "GET, HEAD, POST, OPTIONS"),
        ] {
            let target = try target(line, on: site)
            #expect(target.name == "*" && target.status == status && target.allow == allow)
        }
    }

    @Test func `a port serves its own endpoints only`() throws {
        for resource in Routes.table.resources {
            for route in resource.routes {
                for site in [Endpoint.Sites.callers, .operators, [.callers, .operators]] {
                    let isServed = !route.endpoint.sites.isDisjoint(with: site)
                    let path = RoutesTests.example(route.path)
                    let target = try target("\(route.method.rawValue) \(path)", on: site)
                    #expect(target.name == (isServed ? route.path : "other"))
                    #expect(target.status == (isServed ? nil : .notFound))
                    let options = try self.target("OPTIONS \(path)", on: site)
                    #expect(options.status == (isServed ? .noContent : .notFound))
                }
            }
        }
    }

    private static let paths = Routes.table.resources.map(\.path)

    @Test func `the paths are those that are documented, and metrics and logs name them`() {
        #expect(
            RoutesTests.paths == [
                "/transaction", "/transaction/{id}", "/health", "/health/live", "/health/ready",
                "/openapi.json", "/metrics", "/console", "/console/", "/console/{part}",
            ])
        #expect(ResourceName.all == RoutesTests.paths + ["*", "other", "-"])
        #expect(ResourceName.all[ResourceName.transaction] == "/transaction")
        #expect(ResourceName.all[ResourceName.server] == "*")
        #expect(ResourceName.all[ResourceName.other] == "other")
        #expect(ResourceName.all[ResourceName.unread] == "-")
    }

    /// A path of the route.
    private static func example(_ path: String) -> String {
        path.replacing("{id}", with: "f47a-1").replacing("{part}", with: "now")
    }

    private func name(_ line: String) throws -> String {
        try target(line, on: [.callers, .operators]).name
    }

    /// Without the console, which these tests' applications do not have.
    private static let servedPaths = paths.filter { !$0.hasPrefix("/console") }

    @Test(arguments: servedPaths)
    func `unreserved characters may be percent-encoded in a path, in either case`(
        path: String
    ) throws {
        let (path, name) = (RoutesTests.example(path), path)
        let bytes = Array(path.utf8)
        func encoded(_ index: Int, upperCase: Bool) -> String {
            let hexadecimal = String(bytes[index], radix: 16, uppercase: upperCase)
            let rest = String(decoding: bytes[(index + 1)...], as: UTF8.self)
            return String(decoding: bytes[..<index], as: UTF8.self) + "%\(hexadecimal)" + rest
        }
        for index in bytes.indices {
            let isSlash = bytes[index] == UInt8(ascii: "/")
            for other in [encoded(index, upperCase: true), encoded(index, upperCase: false)] {
                // Without its first slash it is no path at all.
                if index == 0 {
                    #expect(throws: HTTPRefusal.malformed(.target)) {
                        try self.name("GET \(other)")
                    }
                    continue
                }
                #expect(
                    try self.name("GET \(other)?a=%62") == (isSlash ? "other" : name), "\(other)")
            }
        }
        let all = bytes.map { byte in
            byte == UInt8(ascii: "/") ? "/" : "%\(String(byte, radix: 16))"
        }.joined()
        for target in [all, "http://a\(all)"] { #expect(try self.name("GET \(target)") == name) }
    }

    @Test(arguments: [
        "/%2Ftransaction", "/transaction%2F", "/transaction%00", "/%2574ransaction",
        "/transaction%20", "/%54ransaction", "/health%2Flive", "/%74ransaction/",
        "/transaction%3Fa", "/transactio%EE",
    ])
    func `other encoded characters stay encoded, and nothing is decoded twice`(
        path: String
    ) throws {
        #expect(try name("POST \(path)") == "other")
    }

    @Test(arguments: servedPaths)
    func `a resource is found by the path that it has`(path: String) throws {
        let name = path
        let path = RoutesTests.example(path)
        for (target, expected) in [
            (path, name), ("\(path)?a=/health", name), ("\(path)/", "other"),
            (path.uppercased(), "other"),
        ] {
            #expect(try self.name("GET \(target)") == expected, "\(target)")
        }
    }
}
