import Foundation
import Testing

@testable import CoreAPIHTTP
@testable import CoreAPIServer

/// The callers' endpoints compared with docs/openapi.json, which the binary contains.
@Suite struct DocumentedEndpointTests {
    private struct Operation: Hashable {
        let method: String
        let path: String
    }

    /// Whether each operation of the document names the scheme of the token.
    private func documented() throws -> [Operation: Bool] {
        let document = try #require(
            JSONSerialization.jsonObject(with: Data(PackageResources.openapi_json))
                as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        var operations: [Operation: Bool] = [:]
        for (path, item) in paths {
            for (name, value) in item {
                guard let method = HTTPMethod(rawValue: name.uppercased()),
                    let operation = value as? [String: Any]
                else { continue }
                let schemes = (operation["security"] ?? document["security"]) as? [[String: Any]]
                operations[Operation(method: method.rawValue, path: path)] =
                    schemes?.contains { $0["bearer"] != nil } ?? false
            }
        }
        return operations
    }

    @Test func `the document and the routes name the same endpoints`() throws {
        var routed: Set<Operation> = []
        for resource in Routes.table.resources {
            for route in resource.routes where route.endpoint.sites.contains(.callers) {
                let methods = route.method == .get ? [.get, .head] : [route.method]
                for method in methods + [.options] {
                    routed.insert(Operation(method: method.rawValue, path: route.path))
                }
            }
        }
        #expect(Set(try documented().keys) == routed)
    }

    @Test func `the document demands a token for transactions only`() throws {
        let withToken = try documented().filter(\.value).keys
        #expect(
            Set(withToken) == [
                Operation(method: "POST", path: "/transaction"),
                Operation(method: "GET", path: "/transaction/{id}"),
                Operation(method: "HEAD", path: "/transaction/{id}"),
            ])
    }
}
