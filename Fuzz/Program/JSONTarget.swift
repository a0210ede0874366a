internal import Foundation

@testable internal import CoreAPIBase
@testable internal import CoreAPIKit

/// A JSON text: the reader's result equals Foundation's, except for the differences that `exempts`
/// lists.
enum JSONTarget {
    static func run(_ bytes: [UInt8]) {
        let theirs = try? JSONSerialization.jsonObject(
            with: Data(bytes), options: [.fragmentsAllowed])
        do throws(JSONError) {
            let ours = try ReadJSON(bytes)
            if let theirs {
                demand(
                    ours.agrees(with: theirs) || hasByteOrderMark(bytes),
                    "\(ours) is read, not \(theirs)")
            } else {
                demand(
                    hasNumberBeyondDouble(bytes) || hasSurrogateEscape(bytes),
                    "\(ours) is read, and refused elsewhere")
            }
            checkRequest(bytes, ours)
            checkTexts(ours)
        } catch {
            checkRefusal(bytes, error, isReadElsewhere: theirs != nil)
        }
    }

    // MARK: - Differences

    private static func checkRefusal(
        _ bytes: [UInt8], _ error: JSONError, isReadElsewhere: Bool
    ) {
        demand(0...bytes.count ~= error.offset, "an error at byte \(error.offset)")
        if isReadElsewhere { demand(exempts(bytes, error), "\(error), but read elsewhere") }
        do throws(JSONError) {
            _ = try TransactionRequest(json: bytes.span)
            demand(
                bytes.starts(with: [0xEF, 0xBB, 0xBF]),
                "a request is read from refused bytes: \(error)")
        } catch let other {
            demand(
                other == error || bytes.starts(with: [0xEF, 0xBB, 0xBF]),
                "two errors: \(error); \(other)")
        }
    }

    /// Whether this service refuses a text that Foundation accepts.
    private static func exempts(_ bytes: [UInt8], _ error: JSONError) -> Bool {
        // Nesting: 32 here, 512 there. The number of values: 2,048 here.
        if error.reason == .tooDeep || error.reason == .tooManyValues { return true }
        // Other encodings than UTF-8, and byte order marks (RFC 8259 §8.1): there they are seen.
        if bytes.prefix(4).contains(0) { return true }
        for mark in [[0xEF, 0xBB, 0xBF], [0xFE, 0xFF], [0xFF, 0xFE]] as [[UInt8]]
        where bytes.starts(with: mark) { return true }
        // A comma before the end of an object or an array, which RFC 8259 §4 and §5 do not have.
        guard error.offset < bytes.count, "]}".utf8.contains(bytes[error.offset]) else {
            return false
        }
        let before = bytes[..<error.offset].last { !" \t\r\n".utf8.contains($0) }
        return before == UInt8(ascii: ",")
    }

    /// Foundation refuses numbers that no double holds; the grammar has no bound (RFC 8259 §6).
    static func hasNumberBeyondDouble(_ bytes: [UInt8]) -> Bool {
        let runs = bytes.split { !"0123456789+-.eE".utf8.contains($0) }
        return runs.contains { run in
            Double(String(decoding: run, as: UTF8.self)).map { !$0.isFinite } ?? false
        }
    }

    /// Foundation refuses half of a surrogate pair, which RFC 8259 §8.2 allows.
    static func hasSurrogateEscape(_ bytes: [UInt8]) -> Bool {
        String(decoding: bytes, as: UTF8.self).lowercased().contains("\\ud")
    }

    /// Foundation drops a U+FEFF at a string's beginning, and after an escape sequence; it is a
    /// character like any other (RFC 8259 §7).
    private static func hasByteOrderMark(_ bytes: [UInt8]) -> Bool {
        bytes.indices.contains { bytes[$0...].starts(with: [0xEF, 0xBB, 0xBF]) }
    }

    // MARK: - Uses of the reader

    /// The members of a transaction are found, and each is judged by its value.
    private static func checkRequest(_ bytes: [UInt8], _ ours: ReadJSON) {
        do throws(JSONError) {
            let request = try TransactionRequest(json: bytes.span)
            guard case .object(let members) = ours else {
                demand(!request.isObject, "an object is reported for another value")
                return
            }
            demand(request.isObject, "an object is not seen")
            checkAmount(request, members.filter { $0.name == Array("amount".utf8) })
            checkCurrency(request, members.filter { $0.name == Array("currency".utf8) })
            checkToken(request, members.filter { $0.name == Array("token".utf8) }, bytes)
        } catch {
            demand(false, "a text is read, and refused as a request: \(error)")
        }
    }

    private static func checkAmount(
        _ request: TransactionRequest, _ members: [ReadJSON.Member]
    ) {
        guard case .value(let amount) = request.amount else { return }
        demand(members.count == 1, "an amount is taken from \(members.count) members")
        switch members[0].value {
        case .number(_, let integer): demand(integer == amount.minorUnits, "another amount")
        case .text(let digits):
            demand(digits == Array(String(amount.minorUnits).utf8), "another amount")
        default: demand(false, "an amount is taken from \(members[0])")
        }
    }

    private static func checkCurrency(
        _ request: TransactionRequest, _ members: [ReadJSON.Member]
    ) {
        guard case .value(let currency) = request.currency else { return }
        demand(members.count == 1, "a currency is taken from \(members.count) members")
        guard case .text(let text) = members[0].value else {
            demand(false, "a currency is taken from \(members[0])")
            return
        }
        demand(text == Array(currency.alphabetic.utf8), "another currency: \(currency)")
    }

    private static func checkToken(
        _ request: TransactionRequest, _ members: [ReadJSON.Member], _ bytes: [UInt8]
    ) {
        switch request.token {
        case .absent: demand(members.isEmpty, "a token is not seen")
        case .repeated: demand(members.count > 1, "a token is seen twice")
        case .otherType, .null: demand(members.count == 1, "a token is seen once")
        case .text(let text):
            demand(members.count == 1, "one of \(members.count) tokens is believed")
            guard case .text(let decoded) = members[0].value else {
                demand(false, "a token is no text")
                return
            }
            demand(decoded == text.decoded(bytes.span), "the token is another")
        }
    }

    /// A text that `JSONWriter` writes is parsed as the same text.
    private static func checkTexts(_ ours: ReadJSON) {
        for text in ours.texts where String(validating: text, as: UTF8.self) != nil {
            var writer = JSONWriter()
            writer.text(String(decoding: text, as: UTF8.self))
            do throws(JSONError) {
                let again = try ReadJSON(writer.bytes)
                demand(again.texts == [text], "a text is written as \(writer.bytes)")
            } catch {
                demand(false, "a text that is written is refused: \(error)")
            }
        }
    }
}
