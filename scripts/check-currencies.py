#!/usr/bin/env python3
"""Compares the currency table of the Kit with two packages of PyPI, line by line.

iso4217 carries the table of ISO 4217's maintenance agency: codes, numbers, minor units, names.
pycountry has the codes and numbers of Debian's iso-codes, made by other people.
"""

import pathlib
import re
import sys

import iso4217
import pycountry

TABLE = pathlib.Path(__file__).parent.parent / "Sources/CoreAPIKit/Transactions/CurrencyTable.swift"
FUNDS = re.compile(r"let funds = \[([^\]]*)\]")
# A unit of account as UYI is, and not marked in the agency's table.
UNMARKED_FUNDS = {"UYW"}
ENTRY = re.compile(r'Entry\(\s*"([A-Z]{3})", (\d+), (nil|\d),\s*"([^"]+)"\s*\)')


def marked_funds() -> set:
    """The codes that the agency's table marks as funds."""
    return {
        entry.findtext("Ccy") for entry in iso4217.raw_xml.iter("CcyNtry")
        if entry.find("CcyNm").get("IsFund", "").lower() == "true"
    }


def main() -> int:
    text = TABLE.read_text(encoding="utf-8")
    ours = {
        code: (int(number), None if minor == "nil" else int(minor), name)
        for code, number, minor, name in ENTRY.findall(text)
    }
    funds = re.findall(r'"([A-Z]{3})"', FUNDS.search(text).group(1))
    theirs = {
        c.code: (c.number, c.exponent, c.currency_name.strip()) for c in iso4217.Currency
    }
    second = {c.alpha_3: int(c.numeric) for c in pycountry.currencies}
    wrong = [
        f"{code}: {ours.get(code)} here, {theirs.get(code)} in iso4217"
        for code in sorted(ours.keys() | theirs.keys())
        if ours.get(code) != theirs.get(code)
    ]
    wrong += [
        f"{code}: {number} in pycountry, not so here"
        for code, number in sorted(second.items())
        if ours.get(code, (None,))[0] != number
    ]
    wrong += [f"{code} is not in pycountry" for code in sorted(ours.keys() - second.keys())]
    wrong += [
        f"{code} is a fund code in one of both alone, here and in iso4217"
        for code in sorted(set(funds) ^ (marked_funds() | UNMARKED_FUNDS))
    ]
    if funds != sorted(funds):
        wrong.append("the fund codes are not sorted")
    if list(ours) != sorted(ours):
        wrong.append("the table is not sorted by code")
    if wrong:
        print("\n".join(wrong))
        return 1
    print(f"currencies: {len(ours)} codes, {len(funds)} of funds, agree with iso4217 and pycountry")
    return 0


if __name__ == "__main__":
    sys.exit(main())
