import Testing

@testable import CoreAPIBase

@Suite struct TLSSessionTests {
    @Test(arguments: ["redis", "redis.example.", "127.0.0.1", "::1", "-", "..", "[", ":::"])
    func `a session accepts every text without a zero byte as its host`(host: String) throws {
        let session = try TLSSession(TLSContext(TLSOptions()), host: host)
        #expect(try !session.shakeHands())
    }

    @Test func `a session throws for a host with a zero byte`() throws {
        let context = try TLSContext(TLSOptions())
        #expect(throws: TLSError.failed("the host is no valid name")) {
            try TLSSession(context, host: "redis\0.example")
        }
    }
}
