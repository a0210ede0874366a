"""Worst-case requests of a caller without a valid token, by parser.

Each is one request as bytes, with the status of its answer, which shows that the request has
reached the parser. All stay within the documented limits: a head of 16 KiB and 100 fields, a body
of 16 KiB, 6 KiB of chunk framing, 4 KiB in one line of it, a token of 8 KiB.
"""

import json
import typing

import harness

HEAD_BYTES = 16 * 1024 - 1
BODY_BYTES = 16 * 1024
# JSONReader.nestedValuesMax.
NESTED_VALUES = 2_048
FRAMING_BYTES = 6 * 1024
LINE_BYTES = 4 * 1024
TOKEN_BYTES = 8 * 1024
TARGET_BYTES = 8_000
FIELDS = 100


class Worst(typing.NamedTuple):
    parser: str
    name: str
    request: bytes
    status: int


def filled(size: int, begin: bytes, repeated: bytes, end: bytes = b"") -> bytes:
    """`begin`, as many of `repeated` as fit the size, and `end`."""
    count = (size - len(begin) - len(end)) // len(repeated)
    return begin + repeated * count + end


def head(
    *lines: bytes, method: bytes = b"POST", target: bytes = b"/transaction", host: bytes = b"a"
) -> bytes:
    text = b"".join(line + b"\r\n" for line in (b"Host: " + host, *lines))
    return method + b" " + target + b" HTTP/1.1\r\n" + text + b"\r\n"


def post(body: bytes, *lines: bytes) -> bytes:
    return head(*lines, b"Content-Length: %d" % len(body)) + body


def field(name: bytes, begin: bytes, repeated: bytes, end: bytes = b"") -> bytes:
    """A field that fills a head of one other field and an empty body."""
    room = HEAD_BYTES - len(head(b"Content-Length: 0", b""))
    return filled(room, name + b":" + begin, repeated, end)


def fields(line: bytes) -> list:
    """The maximum number of fields, which fill the head."""
    count = FIELDS - 2
    room = HEAD_BYTES - len(head(b"Content-Length: 0"))
    return [line.ljust(room // count - 2, b"a")] * count


def chunked(*parts: bytes) -> bytes:
    return head(b"Transfer-Encoding: chunked") + b"".join(parts)


# MARK: Tokens


def encoded(part: bytes) -> bytes:
    return harness.encoded(part).encode()


def token(header: bytes, payload: bytes) -> bytes:
    """A token that is signed with another key than the server's."""
    return harness.signed(header, payload, b"another key").encode()


# A signature has 43 digits, and there are two dots.
PART_DIGITS = TOKEN_BYTES - 45


def with_header(begin: bytes, repeated: bytes, end: bytes = b'"}') -> bytes:
    """A transaction with a token of the maximum length, most of which is its header."""
    header = filled(PART_DIGITS * 3 // 4 - 3, begin, repeated, end)
    return post(transaction(token(header, b"")))


def with_payload(begin: bytes, repeated: bytes, end: bytes) -> bytes:
    """A transaction with a token of the maximum length, most of which is its payload."""
    room = (PART_DIGITS - len(encoded(harness.HEADER))) * 3 // 4
    return post(transaction(token(harness.HEADER, filled(room, begin, repeated, end))))


def transaction(token_text: bytes) -> bytes:
    return harness.body(token_text.decode()).encode()


def members(count: int, name_of) -> bytes:
    """A transaction whose token has a header of `alg` and `count` more members."""
    names = (json.dumps(name_of(index)) for index in range(count))
    text = '{"alg":"HS256",' + ",".join(f"{name}:0" for name in names) + "}"
    return post(transaction(token(text.encode(), b"")))


# MARK: The parsers


def heads() -> list:
    def of(name: str, request: bytes, status: int = 400) -> Worst:
        return Worst("head", name, request, status)

    def of_one(name: str, line: bytes, status: int = 400) -> Worst:
        return of(name, head(line, b"Content-Length: 0"), status)

    escapes = filled(TARGET_BYTES, b"/", b"%41")
    return [
        of("100 unknown fields", post(b"", *fields(b"x-unknown-name: a"))),
        of("100 unknown fields of nearly a token's name", post(b"", *fields(b"authorizatio:"))),
        of("100 names that fill the head, no values",
           post(b"", *[line[:-1] + b":" for line in fields(b"")])),
        of("100 x-request-id, wrong in their last byte",
           post(b"", *[b"x-request-id: " + b"a" * 127 + b","] * (FIELDS - 2))),
        of("100 traceparent", post(b"", *fields(b"traceparent: 00-"))),
        of("100 Connection lists", post(b"", *fields(b"Connection: a,"))),
        of("100 Expect lists", post(b"", *fields(b"Expect: a,")), 417),
        of("100 Content-Encoding lists", post(b"", *fields(b"Content-Encoding: a,")), 415),
        of("100 Content-Encoding lists of too many elements",
           post(b"", *[b"Content-Encoding:" + b"," * 140] * (FIELDS - 2)), 431),
        of_one("one name of 16 KiB", field(b"x", b"", b"a")[2:] + b":"),
        of_one("a value of tabs", field(b"x", b"a", b"\t", b"a")),
        of_one("a value of blanks, to be trimmed", field(b"x", b"", b" ")),
        of_one("a value of a tab in every other byte", field(b"x", b"", b"a\t")),
        of_one("a value beyond ASCII", field(b"x", b"", b"\xff")),
        of_one("a Connection list of empty elements", field(b"Connection", b"", b","), 431),
        of_one("a Connection list of short options", field(b"Connection", b"", b"a,"), 431),
        of_one("a Connection list of close", field(b"Connection", b"", b"close,", b"a"), 431),
        of_one("a Connection list of 256 options",
               field(b"Connection", b"close," * 255, b" ", b"a")),
        of_one("a Connection list of 256 long options",
               b"Connection:" + b",".join([b"close".ljust(61)] * 256)),
        of("a Transfer-Encoding list", head(field(b"Transfer-Encoding", b"", b"a,", b"b")), 501),
        of("Content-Length of zeros", head(field(b"Content-Length", b"", b"0"))),
        of("a Host of 16 KiB", head(b"Content-Length: 0", host=field(b"", b"", b"h")[1:])),
        of("a target of escapes", head(b"Content-Length: 0", target=escapes), 404),
        of("a target of slashes",
           head(b"Content-Length: 0", target=filled(TARGET_BYTES, b"", b"/")), 404),
        of("an absolute target of one long host",
           head(b"Content-Length: 0", target=filled(TARGET_BYTES, b"http://", b"h")), 404),
        of("16 KiB of a request line", b"POST /" + b"a" * HEAD_BYTES, 414),
        of("16 KiB of a method", b"P" * (HEAD_BYTES + 1), 501),
        of("Accept of health, a list",
           head(field(b"Accept", b"", b"a,"), method=b"GET", target=b"/health"), 200),
        of("Accept of health, as long as is parsed",
           head(filled(1_030, b"Accept:", b"a,", b"a"), b"x:" + b"\t" * 14_000 + b"a",
                method=b"GET", target=b"/health"), 200),
        of("Accept of health, 100 fields",
           head(*[b"Accept: ,"] * (FIELDS - 10), method=b"GET", target=b"/health"), 200),
        of("health", head(method=b"GET", target=b"/health"), 200),
        of("health, and a value of tabs",
           head(field(b"x", b"a", b"\t", b"a"), method=b"GET", target=b"/health"), 200),
        of("the description", head(method=b"GET", target=b"/openapi.json"), 200),
    ]


def chunks() -> list:
    def of(name: str, *parts: bytes, status: int = 400) -> Worst:
        return Worst("chunks", name, chunked(*parts), status)

    def lines(begin: bytes, repeated: bytes, end: bytes) -> bytes:
        """Two chunks of one blank each, with all the framing that is allowed in their lines."""
        rest = FRAMING_BYTES - LINE_BYTES - len(last) - 2 * len(b"\r\n")
        return b"".join(
            filled(size, begin, repeated, end + b"\r\n") + b" \r\n" for size in (LINE_BYTES, rest))

    last = b"0\r\n\r\n"
    # Chunks of one byte.
    one, one_extended = b"1\r\n \r\n", b"1;a\r\n \r\n"
    return [
        of("chunks of one byte", one * (FRAMING_BYTES // 5 - 1), last),
        of("chunks of one byte with extensions", one_extended * (FRAMING_BYTES // 7 - 1), last),
        of("sizes of zeros", lines(b"", b"0", b"1"), last),
        of("many extensions", lines(b"1", b";a", b""), last),
        of("extensions with values", lines(b"1", b";a=b", b""), last),
        of("extensions of escapes", lines(b'1;a="', b"\\a", b'"'), last),
        of("blanks around extensions", lines(b"1", b" ;a", b""), last),
        of("extensions of blanks", lines(b"1;a", b" ", b"=a"), last),
        of("too many trailers", b"1\r\n \r\n0\r\n", b"a:\r\n" * (FRAMING_BYTES // 4 - 8),
           b"\r\n", status=413),
        of("100 trailers", b"1\r\n \r\n0\r\n", (b"a" * 55 + b":\t\r\n") * 100, b"\r\n"),
        of("two trailers", b"1\r\n \r\n0\r\n", b"a:" + b"\t" * (LINE_BYTES - 4), b"\r\na:",
           b"\t" * (FRAMING_BYTES - LINE_BYTES - 40), b"\r\n\r\n"),
        of("16 KiB of content in one chunk",
           b"%x\r\n" % BODY_BYTES, b" " * BODY_BYTES, b"\r\n", last),
    ]


def bodies() -> list:
    def of(
        name: str, begin: bytes, repeated: bytes, end: bytes, status: int = 401
    ) -> Worst:
        return Worst("JSON", name, post(filled(BODY_BYTES, begin, repeated, end)), status)

    def within(name: str, repeated: bytes, values: int = 1) -> Worst:
        """The maximum number of values in an array, then a text up to the end of the body."""
        begin = b'{"a":[' + repeated * ((NESTED_VALUES - 2) // values)
        return of(name, begin + b'"', b"a\\n", b'"]}')

    deep = b"[" * 30 + b"]" * 30 + b","
    objects = b'{"":' * 30 + b"0" + b"}" * 30 + b","
    return [
        of("brackets", b"", b"[", b"", 400),
        within("deep arrays", deep, 30),
        within("deep objects", objects, 31),
        within("deep objects with a name of a letter", objects.replace(b'""', b'"a"'), 31),
        within("negative numbers of two digits", b"-10,"),
        within("numbers of two digits", b"10,"),
        within("numbers of three digits", b"100,"),
        within("empty arrays", b"[],"),
        within("empty objects", b"{},"),
        of("members of empty objects", b"{", b'"":{},', b'"":0}'),
        of("members of numbers", b"{", b'"":0,', b'"":0}'),
        of("members nearly of a known name", b"{", b'"curency":0,', b'"":0}'),
        of("members with an escape in the name", b"{", b'"\\n":0,', b'"":0}'),
        of("members with U+0000 in the name", b"{", b'"\\u0000":0,', b'"":0}'),
        of("members with a known name in code units", b"{",
           b'"' + b"".join(b"\\u%04x" % byte for byte in b"currency") + b'":0,', b'"":0}'),
        of("members nearly of a known name in code units", b"{",
           b'"' + b"".join(b"\\u%04x" % byte for byte in b"curency") + b'":0,', b'"":0}'),
        of("one name of escapes", b'{"', b"\\n", b'":0}'),
        of("repeated amounts", b"{", b'"amount":0,', b'"":0}'),
        of("repeated amounts of text", b"{", b'"amount":"\\u0031",', b'"":0}'),
        of("repeated tokens", b"{", b'"token":"",', b'"token":"a"}', 422),
        within("objects of members", b'{' + b'"":0,' * 30 + b'"":0},', 32),
        of("members of nearly a known name and no text", b"{", b'"tokem":"",', b'"":0}'),
        within("digits", b"0,"),
        within("small numbers", b"0e0,"),
        within("negative numbers", b"-1,"),
        within("literals", b"null,"),
        within("empty texts", b'"",'),
        within("texts of an escape", b'"\\n",'),
        of("one number", b'{"a":', b"1", b"}"),
        of("one amount", b'{"amount":', b"1", b"}"),
        of("one amount of text", b'{"amount":"', b"1", b'"}'),
        of("one amount of zeros and escapes", b'{"amount":"', b"\\u0030", b'"}'),
        of("one fraction", b'{"a":0.', b"1", b"}"),
        of("escapes", b'{"a":"', b"\\n", b'"}'),
        of("escapes and letters", b'{"a":"', b"a\\n", b'"}'),
        of("code units", b'{"a":"', b"\\u0041", b'"}'),
        of("surrogate pairs", b'{"a":"', b"\\ud83d\\ude00", b'"}'),
        of("two bytes each", b'{"a":"', "é".encode(), b'"}'),
        of("three bytes each", b'{"a":"', "€".encode(), b'"}'),
        of("four bytes each", b'{"a":"', "😀".encode(), b'"}'),
        of("white space", b"{", b" ", b"}"),
        of("line feeds", b"{", b"\r\n", b"}"),
        within("white space between", b" 0 ,\n"),
        of("not JSON at the end", b'{"a":[', b"0,", b"0]", 400),
    ]


def tokens() -> list:
    def of(name: str, request: bytes) -> Worst:
        return Worst("token", name, request, 401)

    begin = b'{"alg":"HS256","a":"'
    wrong = token(harness.HEADER, b"")
    return [
        of("63 names of 44 escapes", members(63, lambda i: "\n" * 43 + chr(33 + i))),
        of("63 names that differ in the last byte", members(63, lambda i: "a" * 80 + chr(33 + i))),
        of("63 names of 7 bytes", members(63, lambda i: f"name{i:03}")),
        of("1,000 names", members(1_000, lambda i: f"{i:x}")),
        of("a header of one name", with_header(b'{"alg":"HS256","', b"a", b'":0}')),
        of("a header of one text", with_header(begin, b"a")),
        of("a header of escapes", with_header(begin, b"\\n")),
        of("a header of two bytes each", with_header(begin, "é".encode())),
        of("a header of digits", with_header(b'{"alg":"HS256","a":[', b"0,", b"0]}")),
        of("a header of arrays", with_header(b'{"alg":"HS256","a":[', b"[],", b"0]}")),
        of("a header of names within", with_header(b'{"alg":"HS256","a":{', b'"":0,', b'"":0}}')),
        of("a header of white space", with_header(b'{"alg":"HS256"', b" ", b"}")),
        of("a header with a long typ", with_header(b'{"alg":"HS256","typ":"', b"\\n")),
        of("a header with a long alg", with_header(b'{"alg":"', b"\\n")),
        of("a payload of escapes", with_payload(b'{"a":"', b"\\n", b'"}')),
        of("a payload of members", with_payload(b"{", b'"":0,', b'"":0}')),
        of("a payload that is no JSON", with_payload(b"", b"[", b"")),
        of("two dots at the end", post(transaction(b"A" * (TOKEN_BYTES - 2) + b".."))),
        of("a signature of 8 KiB",
           post(transaction(encoded(harness.HEADER) + b".." + b"A" * (TOKEN_BYTES - 52)))),
        of("dots", post(transaction(b"." * TOKEN_BYTES))),
        of("no dot", post(transaction(b"A" * TOKEN_BYTES))),
        of("a token of 16 KiB", post(transaction(b"A" * (BODY_BYTES - 50)))),
        of("a token of escapes", post(filled(BODY_BYTES, b'{"token":"', b"\\n", b'"}'))),
        of("a token of code units", post(filled(BODY_BYTES, b'{"token":"', b"\\u0041", b'"}'))),
        of("a token in code units", post(transaction(
            b"".join(b"\\u%04x" % byte for byte in wrong)))),
    ]


def authorizations() -> list:
    def of(name: str, line: bytes, body: bytes = b"{}", status: int = 401) -> Worst:
        return Worst("Authorization", name, post(body, line), status)

    payload = b"a" * ((PART_DIGITS - len(encoded(harness.HEADER))) * 3 // 4)
    long = token(harness.HEADER, payload)
    return [
        of("a token of 8 KiB", b"Authorization: Bearer " + long),
        of("blanks", field(b"Authorization", b"Bearer", b" ", b"a")[:-9]),
        of("16 KiB of it", field(b"Authorization", b"Bearer ", b"A")[:-9]),
        of("a scheme of 16 KiB", field(b"Authorization", b"", b"A")[:-9]),
        of("the same token in the body", b"Authorization: Bearer " + long,
           transaction(long)),
        of("another token in the body, escaped", b"Authorization: Bearer " + long,
           filled(BODY_BYTES, b'{"token":"', b"\\n", b'"}')),
        of("nearly the same token in the body, one letter escaped",
           b"Authorization: Bearer " + long,
           transaction(b"\\u%04x" % long[0] + long[1:-6]), 400),
    ]


def all_requests() -> list:
    return heads() + chunks() + bodies() + tokens() + authorizations()
