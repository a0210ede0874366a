import CoreAPIBase
import Testing

struct IntCountedTests {
    @Test(arguments: [(0, "0 letters"), (1, "1 letter"), (2, "2 letters"), (21, "21 letters")])
    func `a number has the form of its noun`(number: Int, text: String) {
        #expect(number.counted("letter") == text)
    }
}
