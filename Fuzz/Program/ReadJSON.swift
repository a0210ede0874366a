internal import Foundation

@testable internal import CoreAPIBase

/// The result of `JSONReader` for a JSON text: the members of the outermost object, or one value.
enum ReadJSON {
    /// A value within; containers are passed over, so their content is not known.
    enum Value {
        case container
        case text([UInt8])
        /// Nil where the number does not fit.
        case number(Double?, integer: Int?)
        case bool(Bool)
        case null
    }

    struct Member {
        let name: [UInt8]
        let value: Value
    }

    case object([Member])
    case value(Value)

    init(_ bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader()
        var members: [Member] = []
        if try reader.beginsObject(bytes.span) {
            while let name = try reader.nextMember(bytes.span, isFirst: members.isEmpty) {
                let value = try reader.value(bytes.span, depth: 1)
                members.append(
                    Member(name: name.decoded(bytes.span), value: Self.value(value, bytes)))
            }
            self = .object(members)
        } else {
            self = .value(Self.value(try reader.value(bytes.span), bytes))
        }
        try reader.end(bytes.span)
    }

    /// The names and the texts that were read.
    var texts: [[UInt8]] {
        switch self {
        case .object(let members): members.flatMap { [$0.name] + $0.value.texts }
        case .value(let value): value.texts
        }
    }

    /// Whether Foundation read the same; of repeated names it keeps the last.
    func agrees(with theirs: Any) -> Bool {
        switch self {
        case .value(let value): return value.agrees(with: theirs)
        case .object(let members):
            guard let object = theirs as? [String: Any] else { return false }
            var last: [String: Value] = [:]
            for member in members {
                last[String(decoding: member.name, as: UTF8.self)] = member.value
            }
            guard last.count == object.count else { return false }
            return last.allSatisfy { name, value in
                object[name].map(value.agrees(with:)) ?? false
            }
        }
    }

    private static func value(_ value: JSONValue, _ bytes: [UInt8]) -> Value {
        switch value {
        case .object: return .container
        case .array(let range):
            let (first, last) = (bytes[range.lowerBound], bytes[range.upperBound - 1])
            demand(first == UInt8(ascii: "[") && last == UInt8(ascii: "]"), "an array is elsewhere")
            return .container
        case .text(let text):
            let decoded = text.decoded(bytes.span)
            demand(text.hasEscapes || decoded == Array(bytes[text.range]), "a text is changed")
            demand(text.equals("amount", bytes.span) == (decoded == Array("amount".utf8)), "equals")
            return .text(decoded)
        case .number(let number):
            let integer = number.nonNegativeInteger(bytes.span)
            return .number(number.double(bytes.span), integer: integer)
        case .bool(let bool): return .bool(bool)
        case .null: return .null
        }
    }
}

extension ReadJSON.Value {
    var texts: [[UInt8]] {
        if case .text(let text) = self { [text] } else { [] }
    }

    /// Whether Foundation read the same value.
    func agrees(with theirs: Any) -> Bool {
        switch self {
        case .container: theirs is [Any] || theirs is [String: Any]
        case .text(let text): (theirs as? String).map { Array($0.utf8) == text } ?? false
        case .null: theirs is NSNull
        case .bool(let bool): (theirs as? NSNumber)?.boolValue == bool
        case .number(let double, let integer):
            (theirs as? NSNumber).map { agrees(double, integer, with: $0) } ?? false
        }
    }

    /// Decimal numbers, which Foundation makes of integers beyond 64 bits, lose the last digits on
    /// their way to a double.
    private func agrees(_ double: Double?, _ integer: Int?, with theirs: NSNumber) -> Bool {
        if let integer { return theirs.int64Value == Int64(integer) }
        guard let double else { return false }
        if theirs is NSDecimalNumber {
            return abs(theirs.doubleValue - double) <= abs(double) * 1e-14
        }
        return theirs.doubleValue == double
    }
}
