@testable import CoreAPIRedis

extension RedisReply {
    /// As Redis sends it (RESP 2).
    var encoded: [UInt8] {
        switch self {
        case .status(let text): Array("+".utf8) + text + Array("\r\n".utf8)
        case .integer(let value): Array(":\(value)\r\n".utf8)
        case .bulk(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
        case .null: Array("$-1\r\n".utf8)
        case .error(let error): Array("-\(error.message)\r\n".utf8)
        case .array(let elements):
            elements.reduce(Array("*\(elements.count)\r\n".utf8)) { $0 + $1.encoded }
        }
    }

    /// For a transcript.
    var words: String {
        switch self {
        case .status(let text): String(decoding: text, as: UTF8.self)
        case .integer(let value): "\(value)"
        case .bulk(let text): "'\(String(decoding: text, as: UTF8.self))'"
        case .null: "nothing"
        case .error(let error): error.message
        case .array(let elements): elements.map(\.words).joined(separator: ", ")
        }
    }
}
