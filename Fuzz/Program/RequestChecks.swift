@testable internal import CoreAPIHTTP

/// A second parser of a delivered request, written differently: slow, by lines and strings, over
/// the bytes as sent.
struct RequestChecks {
    private let head: RequestHead
    private let input: [UInt8]
    private let limits: HTTPLimits

    /// The delimiters that a token must not contain (RFC 9110 §5.6.2), besides control characters.
    private static let delimiters = Set(" \t\"(),/:;<=>?@[\\]{}".utf8)

    init(_ head: RequestHead, _ input: [UInt8], _ limits: HTTPLimits) {
        self.head = head
        self.input = input
        self.limits = limits
    }

    /// Where the request ends.
    ///
    /// - Parameter body: where the machine has its content.
    func check(_ body: Range<Int>, _ content: [UInt8]) -> Int {
        demand(head.byteCount <= limits.headBytesMax, "the head is too long")
        demand(head.byteCount <= input.count, "the head ends after the bytes")
        demand(content.count <= limits.bodyBytesMax, "the body is too long")
        checkLines()
        demand(body.lowerBound == head.byteCount, "the body is elsewhere")
        switch head.framing {
        case .length(let length):
            demand(body.count == length, "the body has another length")
            return body.upperBound
        case .chunked: return decodeChunks(content)
        }
    }

    // MARK: - The head

    private func checkLines() {
        var lines = lines(input[..<head.byteCount])
        demand(lines.popLast() == "" && lines.popLast() == "", "the head has no end")
        if lines.first == "" { lines.removeFirst() }
        demand(!lines.isEmpty && lines.count <= limits.fieldsMax + 1, "\(lines.count) lines")
        checkRequestLine(lines.removeFirst())
        var fields: [String: [String]] = [:]
        for line in lines {
            let colon = demand(line.firstIndex(of: ":"), "a field without a colon: \(line)")
            let name = line[..<colon].lowercased()
            demand(!name.isEmpty && name.utf8.allSatisfy { !Self.delimiters.contains($0) }, name)
            fields[name, default: []].append(trimmed(line[line.index(after: colon)...]))
        }
        checkFraming(fields)
        checkRanges(fields)
        checkPersistence(fields)
    }

    private func checkRequestLine(_ line: String) {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        demand(words.count == 3, "a request line of \(words.count) words")
        demand(words[0] == head.method.rawValue, "the method is another")
        demand(words[1].utf8.count <= limits.targetBytesMax * 2, "the target is too long")
        demand(words[2].hasPrefix("HTTP/1.") && words[2].count == 8, "the version is another")
        demand(head.isHTTP11 == (words[2] != "HTTP/1.0"), "the version is mistaken")
        guard case .path(let range) = head.target else {
            let isAsterisk = words[1] == "*" && head.method == .options
            demand(isAsterisk || head.method == .connect, "the target is not the server")
            return
        }
        let path = text(input[range])
        demand(words[1].contains(path) && !path.contains("?"), "the path is elsewhere")
        demand(path.isEmpty || path.hasPrefix("/"), "the path does not begin with a slash: \(path)")
        let rest = words[1].split(separator: "?", omittingEmptySubsequences: false)[0]
        demand(rest.hasSuffix(path), "the path is not the whole: \(path)")
    }

    private func checkFraming(_ fields: [String: [String]]) {
        let lengths = fields["content-length"] ?? []
        let codings = fields["transfer-encoding"] ?? []
        demand(lengths.count <= 1, "Content-Length is repeated")
        demand(lengths.isEmpty || codings.isEmpty, "a length and a coding")
        if let length = lengths.first {
            let isDigits = length.allSatisfy { ("0"..."9").contains($0) }
            demand(isDigits && head.framing == .length(Int(length) ?? -1), "the length is another")
        } else if codings.isEmpty {
            demand(head.framing == .length(0), "a body without a length")
        } else {
            demand(codings.map { $0.lowercased() } == ["chunked"], "codings: \(codings)")
            demand(head.framing == .chunked && head.isHTTP11, "chunks are not seen")
        }
        let hosts = fields["host"] ?? []
        demand(hosts.count == 1 || (hosts.isEmpty && !head.isHTTP11), "hosts: \(hosts)")
    }

    private func checkRanges(_ fields: [String: [String]]) {
        for (name, range) in [
            ("content-type", head.contentType), ("authorization", head.authorization),
        ] {
            demand(fields[name] ?? [] == (range.map { [text(input[$0])] } ?? []), "\(name)")
        }
        let accept = head.acceptedTypes(in: input.span).map { text($0[...]) }
        let isTooMuch = (head.accept?.count ?? 0) > RequestHead.acceptBytesMax
        let accepts = (fields["accept"] ?? []).drop { $0.isEmpty }
        demand((accept == nil) == (fields["accept"] == nil || isTooMuch), "accept")
        demand(
            isTooMuch || accept ?? "" == accepts.joined(separator: ","), "accept: \(accepts)")
        let codings = elements(fields["content-encoding"] ?? [])
        demand(head.isEncoded == codings.contains { $0 != "identity" }, "codings: \(codings)")
    }

    private func checkPersistence(_ fields: [String: [String]]) {
        let options = elements(fields["connection"] ?? [])
        let keeps =
            !options.contains("close") && (head.isHTTP11 || options.contains("keep-alive"))
            && head.method != .connect
        demand(head.keepsAlive == keeps, "connection: \(options)")
        let expectations = elements(fields["expect"] ?? [])
        let expects = head.isHTTP11 && !expectations.isEmpty
        demand(head.expectsContinue == expects, "expect: \(expectations)")
        demand(!expects || expectations.allSatisfy { $0 == "100-continue" }, "\(expectations)")
    }

    /// The elements of a list that is given by several fields, in lower case.
    private func elements(_ values: [String]) -> [String] {
        values.flatMap { $0.split(separator: ",") }.map { trimmed($0).lowercased() }
            .filter { !$0.isEmpty }
    }

    // MARK: - Chunks

    /// Takes the chunks apart and compares their content: where they end.
    private func decodeChunks(_ content: [UInt8]) -> Int {
        var position = head.byteCount
        var decoded: [UInt8] = []
        while true {
            let line = nextLine(&position)
            let digits = line.prefix { $0.isASCII && $0.isHexDigit }
            let size = demand(Int(digits, radix: 16), "a chunk without a size: \(line)")
            let rest = line.dropFirst(digits.count)
            demand(rest.isEmpty || trimmed(rest).hasPrefix(";"), "a chunk's size is \(line)")
            if size == 0 { break }
            demand(position + size + 2 <= input.count, "a chunk is not complete")
            decoded += input[position..<(position + size)]
            position += size
            demand(nextLine(&position).isEmpty, "a chunk's data has another end")
        }
        while !nextLine(&position).isEmpty {}
        demand(decoded == content, "the content is another")
        let framing = position - head.byteCount - content.count
        demand(framing <= limits.chunkOverheadBytesMax + 2, "\(framing) bytes of framing")
        return position
    }

    // MARK: - Lines

    private func nextLine(_ position: inout Int) -> String {
        let end = demand(input[position...].firstIndex(of: 10), "a line has no end")
        let line = lines(input[position...end])[0]
        position = end + 1
        return line
    }

    /// The lines, each byte as the scalar of its number, after a check that CR and LF only stand
    /// together and that there is no other control character but the tab (RFC 9110 §5.5).
    private func lines(_ bytes: ArraySlice<UInt8>) -> [String] {
        var lines: [String] = []
        var start = bytes.startIndex
        for index in bytes.indices {
            let byte = bytes[index]
            let isAfterReturn = index > bytes.startIndex && bytes[index - 1] == 13
            demand(isAfterReturn == (byte == 10), "CR and LF do not stand together")
            demand(
                byte == 9 || byte == 10 || byte == 13 || (byte >= 32 && byte != 127),
                "a control character \(byte)")
            guard byte == 10 else { continue }
            lines.append(text(bytes[start..<(index - 1)]))
            start = index + 1
        }
        lines.append(text(bytes[start...]))
        return lines
    }

    private func text(_ bytes: ArraySlice<UInt8>) -> String {
        if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
        var text = ""
        for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
        return text
    }

    private func trimmed(_ text: Substring) -> String {
        let isBlank: (UInt8) -> Bool = { $0 == 32 || $0 == 9 }
        guard let start = text.utf8.firstIndex(where: { !isBlank($0) }),
            let last = text.utf8.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(text[start...last])
    }
}
