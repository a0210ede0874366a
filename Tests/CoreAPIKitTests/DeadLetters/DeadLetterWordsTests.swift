import Testing

@testable import CoreAPIKit

/// Reasons of dead letters: what a person reads, and chooses by.
@Suite struct DeadLetterWordsTests {
    private static let frames = """
        Traceback (most recent call last):
          File "psp.py", line 3, in make_transaction
            raise error
            ^^^^^^^^^^^

        """

    private func reason(ofJob traceback: String) -> String {
        DeadLetterWords([Array("exc_info".utf8), Array(traceback.utf8)])
            .job("id", isWhole: false).reason
    }

    private func reason(ofEntry reason: String?) -> String {
        DeadLetterWords(reason.map { [Array("dead_reason".utf8), Array($0.utf8)] } ?? [])
            .entry("1-0", place: nil).reason
    }

    @Test(arguments: [
        ("ValueError: no", "ValueError: no"),
        ("ValueError: PSP says\nline 2\n  line 3\n\n", "ValueError: PSP says"),
        (
            """
            pydantic_core._pydantic_core.ValidationError: 1 validation error for Answer
            amount
              Input should be a valid integer [type=int_parsing, input_value='x']
                For further information visit https://errors.pydantic.dev/2.11/v/int_parsing
            """, "pydantic_core._pydantic_core.ValidationError: 1 validation error for Answer"
        ),
        (
            """
            sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection refused
            (Background on this error at: https://sqlalche.me/e/20/e3q8)
            """,
            "sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection refused"
        ),
        ("KeyError", "KeyError"), ("ValueError: no\r\nTrace of it", "ValueError: no"),
    ])
    func `the reason of a failed job is the line that names its exception`(
        text: String, reason: String
    ) {
        #expect(self.reason(ofJob: Self.frames + text) == reason)
        let chained =
            Self.frames + "KeyError: 'first'\n\nDuring handling of the above exception, another "
            + "exception occurred:\n\n" + Self.frames + text
        #expect(self.reason(ofJob: chained) == reason)
    }

    @Test func `the reason of a group of exceptions is that of the group`() {
        let traceback = """
              + Exception Group Traceback (most recent call last):
              |   File "psp.py", line 3, in make_transaction
              |     raise ExceptionGroup("both", [ValueError("a"), error])
              | ExceptionGroup: both (2 sub-exceptions)
              +-+---------------- 1 ----------------
                | ValueError: a
                +---------------- 2 ----------------
                | Traceback (most recent call last):
                |   File "psp.py", line 2, in f
                | KeyError: 'b'
                +------------------------------------
            """
        #expect(reason(ofJob: traceback) == "ExceptionGroup: both (2 sub-exceptions)")
    }

    @Test(arguments: [
        ("", "no traceback is given"), (" \n\t\n", "no traceback is given"),
        ("first\nlast\n", "last"), (frames, "^^^^^^^^^^^"),
        (
            "Moved to FailedJobRegistry, due to AbandonedJobError, at 2026-12-01 04:00:00",
            "Moved to FailedJobRegistry, due to AbandonedJobError"
        ),
    ])
    func `a text without an exception has its last line as reason`(text: String, reason: String) {
        #expect(self.reason(ofJob: text).drop { $0 == " " } == reason)
    }

    @Test(arguments: [nil, "", " ", "\t\n"])
    func `an entry without a visible reason has none`(reason: String?) {
        #expect(self.reason(ofEntry: reason) == "no reason is given")
    }

    @Test func `the reason of an entry is what it says`() {
        #expect(reason(ofEntry: " PSP: no ") == " PSP: no ")
    }
}
