import Testing

@testable import CoreAPIHTTP

extension RequestHead {
    /// The head of a request that is written as its lines, without the last line ends.
    static func of(_ lines: String) throws -> (head: RequestHead, bytes: [UInt8]) {
        let bytes = Array("\(lines)\r\n\r\n".utf8)
        var parser = RequestParser(limits: HTTPLimits())
        #expect(try parser.parse(bytes.span))
        return (parser.head, bytes)
    }
}
