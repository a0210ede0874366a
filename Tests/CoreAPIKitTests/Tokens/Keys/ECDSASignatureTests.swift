import Testing

@testable import CoreAPIKit

@Suite struct ECDSASignatureTests {
    private func bytes(_ count: Int, _ last: [UInt8]) -> [UInt8] {
        [UInt8](repeating: 0, count: count - last.count) + last
    }

    @Test func `R and S become integers without needless zeros`() {
        let fixed = bytes(32, [0x01]) + bytes(32, [0x80, 0x00])
        let der = ECDSASignature.der(fixed.span)
        #expect(der == [0x30, 8, 0x02, 1, 1, 0x02, 3, 0, 0x80, 0])
        #expect(ECDSASignature.fixed(der, coordinateBytes: 32) == fixed)
        let zero = bytes(64, [])
        #expect(ECDSASignature.der(zero.span) == [0x30, 6, 0x02, 1, 0, 0x02, 1, 0])
    }

    @Test(arguments: [32, 48, 66])
    func `the longest signature of a curve keeps its value`(coordinate: Int) {
        let first: UInt8 = coordinate == 66 ? 0x01 : 0xFF
        let half = [first] + [UInt8](repeating: 0xFF, count: coordinate - 1)
        let fixed = half + half
        let der = ECDSASignature.der(fixed.span)
        #expect(ECDSASignature.fixed(der, coordinateBytes: coordinate) == fixed)
        for end in der.indices {
            let part = Array(der[..<end])
            #expect(ECDSASignature.fixed(part, coordinateBytes: coordinate) == nil)
        }
    }
}
