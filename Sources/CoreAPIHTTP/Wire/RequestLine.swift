internal import CoreAPIBase

/// `request-line = method SP request-target SP HTTP-version` (RFC 9112 §3).
enum RequestLine {
    static func parse(
        _ line: Range<Int>, _ bytes: Span<UInt8>, into head: inout RequestHead,
        _ limits: HTTPLimits
    ) throws(HTTPRefusal) {
        guard let methodEnd = ASCII.find(Grammar.space, line, of: bytes) else {
            throw line.count > limits.methodBytesMax && Grammar.isToken(line, bytes)
                ? .methodUnknown : .malformed(.requestLine)
        }
        let rest = (methodEnd + 1)..<line.upperBound
        guard let targetEnd = ASCII.find(Grammar.space, rest, of: bytes) else {
            throw .malformed(.requestLine)
        }
        let method = line.lowerBound..<methodEnd
        let target = (methodEnd + 1)..<targetEnd
        guard Grammar.isToken(method, bytes), !target.isEmpty else {
            throw .malformed(.requestLine)
        }
        head.isHTTP11 = try isHTTP11((targetEnd + 1)..<line.upperBound, bytes)
        guard let known = known(method, bytes) else { throw .methodUnknown }
        guard target.count <= limits.targetBytesMax else { throw .targetTooLong }
        head.method = known
        head.target = try parseTarget(target, bytes, known)
    }

    /// `HTTP-version = "HTTP/" DIGIT "." DIGIT` (RFC 9112 §2.3), in upper case.
    private static func isHTTP11(
        _ version: Range<Int>, _ bytes: Span<UInt8>
    ) throws(HTTPRefusal) -> Bool {
        let start = version.lowerBound
        guard version.count == 8 else { throw .malformed(.version) }
        if EightBytes(bytes, at: start) == "HTTP/1.1" { return true }
        guard ASCII.equal("HTTP/", start..<(start + 5), of: bytes),
            bytes[start + 6] == UInt8(ascii: "."),
            let major = Digits.integer((start + 5)..<(start + 6), of: bytes),
            let minor = Digits.integer((start + 7)..<(start + 8), of: bytes)
        else { throw .malformed(.version) }
        guard major == 1 else { throw .versionNotSupported }
        // RFC 9110 §6.2: a higher minor version is processed as the highest known one.
        return minor >= 1
    }

    private static let methods = HTTPMethod.allCases.map {
        (name: ShortText($0.rawValue), method: $0)
    }

    private static func known(_ method: Range<Int>, _ bytes: Span<UInt8>) -> HTTPMethod? {
        guard let name = ShortText(method, of: bytes) else { return nil }
        return methods.first { $0.name == name }?.method
    }

    /// Parses the target (RFC 9112 §3.2): origin-form, absolute-form, authority-form for CONNECT,
    /// and `*` for OPTIONS. CONNECT in origin-form is accepted here, so that it is refused like any
    /// other method.
    private static func parseTarget(
        _ target: Range<Int>, _ bytes: Span<UInt8>, _ method: HTTPMethod
    ) throws(HTTPRefusal) -> RequestHead.Target {
        let first = bytes[target.lowerBound]
        if first == UInt8(ascii: "/") { return .path(try path(target, bytes)) }
        if method == .connect {
            guard Authority.hasPort(target, bytes) else { throw .malformed(.target) }
            return .server
        }
        if first == UInt8(ascii: "*"), target.count == 1, method == .options { return .server }
        return .path(try pathOfAbsolute(target, bytes))
    }

    /// The path of `absolute-path [ "?" query ]`.
    private static func path(
        _ range: Range<Int>, _ bytes: Span<UInt8>
    ) throws(HTTPRefusal) -> Range<Int> {
        guard Grammar.isPathAndQuery(range, bytes) else { throw .malformed(.target) }
        let end = ASCII.find(UInt8(ascii: "?"), range, of: bytes) ?? range.upperBound
        return range.lowerBound..<end
    }

    /// The path of `http://authority/path`. The authority is validated; this server serves every
    /// authority.
    private static func pathOfAbsolute(
        _ target: Range<Int>, _ bytes: Span<UInt8>
    ) throws(HTTPRefusal) -> Range<Int> {
        guard let colon = ASCII.find(UInt8(ascii: ":"), target, of: bytes),
            Grammar.equalsIgnoringCase("http", target.lowerBound..<colon, bytes)
                || Grammar.equalsIgnoringCase("https", target.lowerBound..<colon, bytes),
            colon + 2 < target.upperBound,
            ASCII.equal("//", (colon + 1)..<(colon + 3), of: bytes)
        else { throw .malformed(.target) }
        var end = colon + 3
        while end < target.upperBound, bytes[end] != UInt8(ascii: "/"),
            bytes[end] != UInt8(ascii: "?")
        { end += 1 }
        guard Authority.isValid((colon + 3)..<end, bytes) else { throw .malformed(.target) }
        return try path(end..<target.upperBound, bytes)
    }
}
