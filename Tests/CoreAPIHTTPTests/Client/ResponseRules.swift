import CoreAPIBase
import Testing

@testable import CoreAPIHTTP

/// Feeds a server's bytes to the parser, whole and byte by byte, with the same result.
enum ResponseRules {
    typealias Outcome = Result<HTTPResponse, HTTPResponseError>

    /// What the bytes amount to. The connection ends after them.
    static func outcome(
        _ text: String, limits: HTTPClientLimits = HTTPClientLimits(),
        _ location: SourceLocation = #_sourceLocation
    ) -> Outcome {
        let bytes = Array(text.utf8)
        let whole = outcome([bytes[...]], limits)
        let single = outcome(bytes.indices.map { bytes[$0...$0] }, limits)
        #expect(whole == single, sourceLocation: location)
        for split in bytes.indices {
            #expect(
                outcome([bytes[..<split], bytes[split...]], limits) == whole,
                "split at \(split)", sourceLocation: location)
        }
        return whole
    }

    private static func outcome(
        _ parts: [ArraySlice<UInt8>], _ limits: HTTPClientLimits
    ) -> Outcome {
        Outcome { () throws(HTTPResponseError) in
            var parser = ResponseParser(limits: limits)
            for part in parts {
                if let response = try parser.received(Array(part).span) { return response }
            }
            return try parser.ended()
        }
    }

    /// The status and the body as text.
    static func response(
        _ text: String, limits: HTTPClientLimits = HTTPClientLimits(),
        _ location: SourceLocation = #_sourceLocation
    ) throws -> (status: Int, body: String) {
        let response = try outcome(text, limits: limits, location).get()
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }
}
