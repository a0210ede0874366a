import Testing

@testable import CoreAPIHTTP

@Suite struct RouteTableTests {
    private static let long = "/a-path-that-is-longer-than-any-short-text/of-twenty-four-bytes"

    private let table = RouteTable([
        Route(.post, "/transaction", "post"),
        Route(.get, "/transaction/{id}", "get"),
        Route(.get, "/health", "health"),
        Route(.delete, "/transaction/{id}", "delete"),
        Route(.get, long, "long"),
        Route(.put, "\(long)/{name}", "put"),
    ])

    /// The path of the resource and the parameter, separated by a space.
    private func match(_ path: String) -> String? {
        let bytes = Array("GET \(path) HTTP/1.1".utf8)
        guard let match = table.match(4..<(bytes.count - 9), bytes.span) else { return nil }
        return table.resources[match.resource].path + " "
            + String(decoding: match.parameter, as: UTF8.self)
    }

    // MARK: - Paths

    @Test func `routes of one path are one resource, in the order of the routes`() {
        #expect(
            table.resources.map(\.path) == [
                "/transaction", "/transaction/{id}", "/health", RouteTableTests.long,
                "\(RouteTableTests.long)/{name}",
            ])
        #expect(table.resources.map(\.routes.count) == [1, 2, 1, 1, 1])
    }

    @Test(arguments: ["/transaction", "/health", long])
    func `a resource is found by its whole path, in its own case`(path: String) {
        #expect(match(path) == "\(path) ")
        for other in [
            "\(path)x", path.uppercased(), String(path.dropLast()), "/\(path)", "\(path)%20",
        ] {
            #expect(match(other) == nil, "\(other)")
        }
    }

    @Test(arguments: ["", "/", "//", "/x", "/transactions/1", "/transaction/", "/health/"])
    func `another path is no resource`(path: String) {
        #expect(match(path) == nil)
    }

    @Test func `two long names that differ at their ends are two resources`() {
        let start = String(repeating: "a", count: 200)
        let table = RouteTable([Route(.get, "/\(start)1", 1), Route(.get, "/\(start)2", 2)])
        for number in 1...2 {
            let path = Array("/\(start)\(number)".utf8)
            #expect(table.match(0..<path.count, path.span)?.resource == number - 1)
        }
        let other = Array("/\(start)3".utf8)
        #expect(table.match(0..<other.count, other.span) == nil)
    }

    // MARK: - Parameters

    @Test(arguments: [
        ("/transaction/1", "1"), ("/transaction/a-b_c.d~e", "a-b_c.d~e"),
        ("/transaction/%2F", "%2F"), ("/transaction/%00", "%00"), ("/transaction/{id}", "{id}"),
        ("/transaction/%61%5fb", "a_b"), ("/transaction/%7Ea%2f", "~a%2f"),
        ("/transaction/%2561", "%2561"), ("/%74ransaction/1", "1"),
        ("/t%72ansaction/%31", "1"), ("/transaction/%2531", "%2531"),
    ])
    func `the last segment is the parameter, with its unreserved characters decoded`(
        path: String, parameter: String
    ) {
        #expect(match(path) == "/transaction/{id} \(parameter)")
    }

    @Test(arguments: [
        "/transaction/", "/transaction/1/", "/transaction/1/2", "/transaction//",
        "/transaction%2F1",
    ])
    func `a parameter is one segment that is not empty`(path: String) {
        #expect(match(path) == nil)
    }

    @Test func `a parameter is as long as a target may be, in any encoding`() {
        let count = HTTPLimits().targetBytesMax
        let most = String(repeating: "a", count: count)
        for text in [most, String(repeating: "%61", count: count)] {
            #expect(match("/transaction/\(text)") == "/transaction/{id} \(most)")
        }
        #expect(match("\(RouteTableTests.long)/\(most)") != nil)
        let encoded = RouteTableTests.long.utf8.map { byte in
            byte == UInt8(ascii: "/") ? "/" : "%\(String(byte, radix: 16))"
        }.joined()
        #expect(match(encoded) == "\(RouteTableTests.long) ")
        #expect(
            match("\(encoded)/\(String(repeating: "%61", count: count))")
                == "\(RouteTableTests.long)/{name} \(most)")
    }

    // MARK: - Methods

    @Test(arguments: HTTPMethod.allCases)
    func `GET answers HEAD, and a method that has no route has no endpoint`(method: HTTPMethod) {
        let expected: [[HTTPMethod: String]] = [
            [.post: "post"], [.get: "get", .head: "get", .delete: "delete"],
            [.get: "health", .head: "health"], [.get: "long", .head: "long"], [.put: "put"],
        ]
        for (resource, endpoints) in zip(table.resources, expected) {
            let index = resource.methods.index(answering: method)
            #expect(
                index.map { resource.routes[$0].endpoint } == endpoints[method],
                "\(resource.path)")
        }
    }

    @Test func `Allow names every method of a resource, HEAD with GET, and OPTIONS`() {
        #expect(
            table.resources.map(\.allow) == [
                "POST, OPTIONS", "GET, HEAD, DELETE, OPTIONS", "GET, HEAD, OPTIONS",
                "GET, HEAD, OPTIONS", "PUT, OPTIONS",
            ])
        #expect(RouteTable<Int>.allow([.post, .get]) == "POST, GET, HEAD, OPTIONS")
    }
}
