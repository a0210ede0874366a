import Testing

@testable import CoreAPIKit

/// The DER of public keys (RFC 5280 §4.1.2.7), as `openssl pkey -pubout` writes it.
enum SubjectPublicKeyInfo {
    static func der(_ key: KeyMaterial) throws -> [UInt8] {
        switch key {
        case .rsa(let modulus, let exponent):
            let numbers = element(0x30, integer(modulus) + integer(exponent))
            let algorithm: [UInt8] = [
                0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1, 5, 0,
            ]
            return element(0x30, algorithm + element(0x03, [0] + numbers))
        case .ec(let curve, let x, let y):
            let name: [UInt8] =
                switch curve {
                case .p256: [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]
                case .p384: [0x06, 0x05, 0x2B, 0x81, 0x04, 0, 0x22]
                case .p521: [0x06, 0x05, 0x2B, 0x81, 0x04, 0, 0x23]
                }
            let type: [UInt8] = [0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]
            return element(
                0x30, element(0x30, type + name) + element(0x03, [0, 4] + x + y))
        case .ed25519(let point):
            return element(0x30, [0x30, 5, 6, 3, 0x2B, 0x65, 0x70] + element(0x03, [0] + point))
        }
    }

    private static func integer(_ bytes: [UInt8]) -> [UInt8] {
        element(0x02, bytes[0] > 0x7F ? [0] + bytes : bytes)
    }

    private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        let length: [UInt8] =
            switch content.count {
            case 0..<128: [UInt8(content.count)]
            case 128..<256: [0x81, UInt8(content.count)]
            default: [0x82, UInt8(content.count >> 8), UInt8(content.count & 0xFF)]
            }
        return [tag] + length + content
    }
}
