import CoreAPIKit
import Testing

@testable import CoreAPIServer

/// Methods and paths are read by one list and named by another.
@Suite struct RequestNamesTests {
    private func head(_ line: String) throws -> (head: RequestHead, bytes: [UInt8]) {
        let bytes = Array("\(line) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var parser = RequestParser(limits: HTTPLimits())
        #expect(try parser.parse(bytes.span))
        return (parser.head, bytes)
    }

    @Test(arguments: HTTPMethod.allCases.filter { $0 != .connect })
    func `a method is read by the name that it has`(method: HTTPMethod) throws {
        #expect(try head("\(method.rawValue) /health").head.method == method)
        #expect(throws: HTTPRefusal.methodUnknown) { try head("\(method.rawValue)S /health") }
        #expect(throws: HTTPRefusal.methodUnknown) {
            try head("\(method.rawValue.lowercased()) /health")
        }
    }

    @Test(arguments: Resource.allCases.filter { $0.name.hasPrefix("/") })
    func `a resource is found by the path that it has`(resource: Resource) throws {
        for (path, resource) in [
            (resource.name, resource), ("\(resource.name)?a=/health", resource),
            ("\(resource.name)/", .other), (resource.name.uppercased(), .other),
        ] {
            let (head, bytes) = try head("GET \(path)")
            #expect(Resource(head, bytes.span) == resource, "\(path)")
        }
    }
}
