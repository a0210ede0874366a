import CoreAPIKit
import Testing

@Suite struct CurrencyCodeTests {
    @Test func `a code has the figures of ISO 4217`() throws {
        let dollar = try #require(CurrencyCode("USD"))
        #expect(dollar.alphabetic == "USD")
        #expect(dollar.numeric == 840)
        #expect(dollar.minorUnit == 2)
        #expect(dollar.name == "US Dollar")
        #expect("\(dollar)" == "USD")
        #expect(CurrencyCode("JPY")?.minorUnit == 0)
        #expect(CurrencyCode("BHD")?.minorUnit == 3)
        #expect(CurrencyCode("CLF")?.minorUnit == 4)
    }

    @Test func `every code is found by its letters, and by no others`() {
        #expect(CurrencyCode.all.count == 178)
        for currency in CurrencyCode.all {
            #expect(CurrencyCode(currency.alphabetic) == currency)
            #expect(CurrencyCode(currency.alphabetic.lowercased()) == nil)
            #expect((1...999).contains(currency.numeric))
            #expect(!currency.name.isEmpty)
        }
        #expect(Set(CurrencyCode.all.map(\.numeric)).count == CurrencyCode.all.count)
    }

    @Test(arguments: [
        "", "U", "US", "USDD", "usd", "Usd", "ZZZ", "DEM", "HRK", "BGN", " USD", "US\u{0}", "ÜSD",
        "$",
    ])
    func `a text that is not an active code is nil`(text: String) {
        #expect(CurrencyCode(text) == nil)
    }

    @Test func `fund codes are codes, and no others are of funds`() {
        let funds = CurrencyCode.all.filter(\.isFund).map(\.alphabetic)
        #expect(funds == ["BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW"])
    }

    @Test func `gold, test and no currency have no minor unit`() {
        for code in ["XAU", "XAG", "XPT", "XPD", "XXX", "XTS", "XDR"] {
            #expect(CurrencyCode(code) != nil)
            #expect(CurrencyCode(code)?.minorUnit == nil)
        }
    }
}
