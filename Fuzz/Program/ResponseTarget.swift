@testable internal import CoreAPIBase
@testable internal import CoreAPIHTTP

/// Arbitrary bytes of a server that the client asks: nothing traps, limits hold, and the result
/// does not depend on how the bytes were split.
enum ResponseTarget {
    private typealias Outcome = Result<HTTPResponse, HTTPResponseError>

    /// Limits that short inputs reach.
    private static let limits: HTTPClientLimits = {
        var limits = HTTPClientLimits()
        (limits.headBytesMax, limits.fieldsMax, limits.bodyBytesMax) = (256, 8, 64)
        return limits
    }()

    static func run(_ bytes: [UInt8]) {
        let whole = outcome([bytes[...]])
        for parts in Derived.splits(of: bytes) {
            demand(outcome(parts) == whole, "the result depends on the split")
        }
        if case .success(let response) = whole { check(response, bytes) }
        checkURL(bytes)
    }

    private static func outcome(_ parts: [ArraySlice<UInt8>]) -> Outcome {
        Outcome { () throws(HTTPResponseError) in
            var parser = ResponseParser(limits: limits)
            for part in parts {
                if let response = try parser.received(Array(part).span) { return response }
            }
            return try parser.ended()
        }
    }

    private static func check(_ response: HTTPResponse, _ bytes: [UInt8]) {
        demand(100...999 ~= response.status && response.status / 100 != 1, "\(response.status)")
        demand(response.body.count <= limits.bodyBytesMax, "the body is too long")
        demand(response.body.count <= bytes.count, "the body has more bytes than came")
        demand(response.freshSeconds ?? 0 >= 0, "a negative freshness")
        let lengths = response.values(of: "content-length")
        let hasContent = response.status != 204 && response.status != 304
        if hasContent, let length = lengths.first {
            demand(lengths.count == 1, "Content-Length is repeated")
            let digits = String(decoding: length, as: UTF8.self)
            demand(Int(digits) == response.body.count, "the body has another length: \(digits)")
            demand(response.values(of: "transfer-encoding").isEmpty, "a length and a coding")
        }
        for value in response.values(of: "content-encoding") where hasContent {
            demand(
                String(decoding: value, as: UTF8.self).lowercased() == "identity", "a coding")
        }
    }

    /// The same bytes as a URL: one that is accepted is accepted again as it describes itself.
    private static func checkURL(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self),
            let url = try? HTTPURL(text)
        else { return }
        demand(url.port > 0 && !url.host.isEmpty && url.target.hasPrefix("/"), "\(url)")
        let scheme = url.usesTLS ? "https" : "http"
        let again = try? HTTPURL("\(scheme)://\(url.authority)\(url.target)")
        demand(again == url, "\(url)")
        let message = HTTPRequest().bytes(to: url)
        demand(message.count { $0 == 10 } == 6, "the URL adds a line to the request")
    }
}
